/**
 * Public events of a response in, chunks of a chat completion out (v1 spec 3.3). The events are whole already
 * (`openai/public-response.ts`): every call is announced once and every argument arrives as deltas, so each event here
 * means at most one chunk. Pure.
 */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { SaidFailure } from '../dialect.ts';
import type { PublicEvent } from '../openai/public-response.ts';
import {
  annotationsOf,
  chatAnnotation,
  chatIdOf,
  isCall,
  paragraph,
  toolCallOf,
  type ChatFrame,
} from './chat-parts.ts';
import { chatUsage } from './chat-usage.ts';
import { finishReasonOf } from './finish-reason.ts';

/** What goes into one `data:` line: an object, or the word that ends a good stream. */
export type ChatData = JsonRecord | '[DONE]';

export interface ChatChunks {
  /** @param failure - Why the answer failed, for the event that says so. */
  push(event: PublicEvent, failure: SaidFailure | null): ChatData[];
}

export function createChatChunks(frame: ChatFrame): ChatChunks {
  const { model, includesUsage } = frame;
  let head: JsonRecord = {};
  let serviceTier: unknown;
  /** The dense index of each call, by the index of its item: reasoning in front must leave no hole. */
  const calls = new Map<unknown, number>();
  const wholeCalls = new Set<unknown>();
  /** Items whose citations were told one by one. */
  const told = new Set<unknown>();
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
    const part = [event['output_index'], event.type, event['summary_index'] ?? event['content_index']].join('/');
    const isNext = reasoningPart !== null && reasoningPart !== part;
    reasoningPart = part;
    return [chunk({ reasoning_content: isNext ? paragraph + delta : delta })];
  }

  function announce(event: PublicEvent): ChatData[] {
    const item = recordOf(event['item']);
    if (!isCall(item)) return [];
    const index = calls.size;
    calls.set(event['output_index'], index);
    return [chunk({ tool_calls: [{ index, ...toolCallOf(item) }] })];
  }

  function input(event: PublicEvent, field: JsonRecord): ChatData[] {
    const index = calls.get(event['output_index']);
    return index === undefined ? [] : [chunk({ tool_calls: [{ index, ...field }] })];
  }

  function annotation(event: PublicEvent): ChatData[] {
    const known = chatAnnotation(event['annotation']);
    if (known) told.add(event['output_index']);
    return known ? [chunk({ annotations: [known] })] : [];
  }

  /** Citations that were not told one by one are told now. */
  function close(event: PublicEvent): ChatData[] {
    const item = recordOf(event['item']);
    const index = event['output_index'];
    if (item['status'] !== 'incomplete') wholeCalls.add(index);
    if (told.has(index)) return [];
    const citations = listOf(item['content']).flatMap((part) => annotationsOf(recordOf(part)));
    return citations.length > 0 ? [chunk({ annotations: citations })] : [];
  }

  function end(response: JsonRecord): ChatData[] {
    serviceTier = response['service_tier'];
    const areCallsWhole = [...calls.keys()].every((index) => wholeCalls.has(index));
    const last = chunk({}, finishReasonOf(response, { hasCalls: calls.size > 0, areCallsWhole }));
    const usage = chatUsage(response['usage']);
    const spent = includesUsage && usage ? [{ ...head, choices: [], usage }] : [];
    return [last, ...spent, '[DONE]'];
  }

  function push(event: PublicEvent, failure: SaidFailure | null): ChatData[] {
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
        return close(event);
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
      case 'error':
        return failure ? [chatError(failure)] : [];
      default:
        return [];
    }
  }

  return { push };
}

/** A failed stream ends with this and without `[DONE]`. */
function chatError({ code, message, type }: SaidFailure): JsonRecord {
  return { error: { message, type, param: null, code } };
}
