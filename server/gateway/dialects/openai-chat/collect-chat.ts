/** A whole response as one chat completion (v1 spec 3.4). Pure. */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { annotationsOf, chatIdOf, isCall, paragraph, reasoningOf, toolCallOf, type ChatFrame } from './chat-parts.ts';
import { chatUsage } from './chat-usage.ts';
import { finishReasonOf } from './finish-reason.ts';

/** @param response - The response object of a completed or incomplete answer, as `createPublicResponse` gives it. */
export function collectChat(response: JsonRecord, { model }: Pick<ChatFrame, 'model'>): JsonRecord {
  const items = listOf(response['output']).map(recordOf);
  const calls = items.filter(isCall);
  const areCallsWhole = calls.every((call) => call['status'] !== 'incomplete');
  const usage = chatUsage(response['usage']);
  return {
    id: chatIdOf(response),
    object: 'chat.completion',
    created: response['created_at'],
    model,
    choices: [
      {
        index: 0,
        message: messageOf(items),
        logprobs: null,
        finish_reason: finishReasonOf(response, { hasCalls: calls.length > 0, areCallsWhole }),
      },
    ],
    ...(usage ? { usage } : {}),
    service_tier: response['service_tier'],
    system_fingerprint: null,
  };
}

function messageOf(items: readonly JsonRecord[]): JsonRecord {
  const parts = items.filter(({ type }) => type === 'message').map(({ content }) => listOf(content).map(recordOf));
  const texts = parts.map((each) => each.map(({ text }) => textOf(text)).join('')).filter((text) => text !== '');
  const refusal = parts.flatMap((each) => each.map((part) => textOf(part['refusal']))).join('');
  const calls = items.filter(isCall).map(toolCallOf);
  const annotations = parts.flat().flatMap(annotationsOf);
  const reasoning = items
    .map(reasoningOf)
    .filter((text) => text !== '')
    .join(paragraph);
  const isSilent = texts.length === 0 && (calls.length > 0 || refusal !== '');
  return {
    role: 'assistant',
    content: isSilent ? null : texts.join(paragraph),
    refusal: refusal === '' ? null : refusal,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
  };
}
