/**
 * Public events of a response in, chunks of a chat completion out (v1 spec 3.3). The events are whole already
 * (`openai/public-response.ts`): every call is announced once and every argument arrives as deltas, so each event here
 * means at most one chunk. Pure.
 */
import { isRecord, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { PublicEvent } from '../openai/public-response.ts';
import { chatAnnotation, chatIdOf, isCall, toolCallOf, type ChatFrame } from './chat-parts.ts';
import { chatUsage } from './chat-usage.ts';
import { finishReasonOf } from './finish-reason.ts';

/** What goes into one `data:` line: an object, or the word that ends a good stream. */
export type ChatData = JsonRecord | '[DONE]';

export interface ChatChunks {
  push(event: PublicEvent): ChatData[];
}

/** Between two messages, or two parts of a reasoning summary, of one answer. */
const paragraph = '\n\n';

export function createChatChunks(frame: ChatFrame): ChatChunks {
  const { model, includesUsage } = frame;
  let head: JsonRecord = {};
  let serviceTier: unknown;
  /** The dense index of each call, by the index of its item: reasoning in front must leave no hole. */
  const calls = new Map<unknown, number>();
  const endedCalls = new Set<unknown>();
  let messageWithText: unknown = null;
  let reasoningPart: string | null = null;

  function chunk(delta: JsonRecord, finishReason: string | null = null): JsonRecord {
    return {
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(serviceTier === undefined ? {} : { service_tier: serviceTier }),
      ...(includesUsage ? { usage: null } : {}),
    };
  }

  function begin(response: JsonRecord): ChatData[] {
    head = { id: chatIdOf(response), object: 'chat.completion.chunk', created: response['created_at'], model };
    return [chunk({ role: 'assistant', content: '' })];
  }

  function text(event: PublicEvent): ChatData[] {
    const delta = textOf(event['delta']);
    if (delta === '') return [];
    const isNext = messageWithText !== null && messageWithText !== event['output_index'];
    messageWithText = event['output_index'];
    return [chunk({ content: isNext ? paragraph + delta : delta })];
  }

  function reasoning(event: PublicEvent): ChatData[] {
    const delta = textOf(event['delta']);
    if (delta === '') return [];
    const part = [event['output_index'], event['summary_index'] ?? event['content_index']].join('/');
    const isNext = reasoningPart !== null && reasoningPart !== part;
    reasoningPart = part;
    return [chunk({ reasoning_content: isNext ? paragraph + delta : delta })];
  }

  function announce(event: PublicEvent): ChatData[] {
    const item = recordOf(event['item']);
    if (!isCall(item)) return [];
    const index = calls.size;
    calls.set(event['output_index'], index);
    return [chunk({ tool_calls: [{ index, ...toolCallOf(item, frame) }] })];
  }

  function input(event: PublicEvent, field: JsonRecord): ChatData[] {
    const index = calls.get(event['output_index']);
    return index === undefined ? [] : [chunk({ tool_calls: [{ index, ...field }] })];
  }

  function annotation(event: PublicEvent): ChatData[] {
    const known = chatAnnotation(event['annotation']);
    return known ? [chunk({ annotations: [known] })] : [];
  }

  function end(response: JsonRecord): ChatData[] {
    serviceTier = response['service_tier'];
    const areCallsWhole = [...calls.keys()].every((index) => endedCalls.has(index));
    const last = chunk({}, finishReasonOf(response, { hasCalls: calls.size > 0, areCallsWhole }));
    const usage = chatUsage(response['usage']);
    const told = includesUsage && usage ? [{ ...head, choices: [], usage }] : [];
    return [last, ...told, '[DONE]'];
  }

  function push(event: PublicEvent): ChatData[] {
    const response = recordOf(event['response']);
    switch (event.type) {
      case 'response.created':
        return begin(response);
      case 'response.output_text.delta':
        return text(event);
      case 'response.refusal.delta':
        return [chunk({ refusal: event['delta'] })];
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return reasoning(event);
      case 'response.output_item.added':
        return announce(event);
      case 'response.output_item.done':
        endedCalls.add(event['output_index']);
        return [];
      case 'response.function_call_arguments.delta':
        return input(event, { function: { arguments: event['delta'] } });
      case 'response.custom_tool_call_input.delta':
        return input(event, { custom: { input: event['delta'] } });
      case 'response.output_text.annotation.added':
        return annotation(event);
      case 'response.completed':
      case 'response.incomplete':
        return end(response);
      case 'response.failed':
        return [chatError(recordOf(response['error']))];
      case 'error':
        return [chatError(isRecord(event['error']) ? event['error'] : event)];
      default:
        return [];
    }
  }

  return { push };
}

/** A failed stream ends with this and without `[DONE]`. */
function chatError({ code, message, type }: JsonRecord): JsonRecord {
  return { error: { message, type: textOf(type) || 'server_error', param: null, code } };
}
