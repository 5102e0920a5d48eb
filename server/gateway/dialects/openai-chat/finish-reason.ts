/** Why a chat completion ended (v1 spec 3.3). Pure. */
import { recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** @param response - The whole response object of a completed or incomplete answer. */
export function finishReasonOf(
  response: JsonRecord,
  { hasCalls, areCallsWhole }: { hasCalls: boolean; areCallsWhole: boolean },
): FinishReason {
  if (response['status'] !== 'incomplete') return hasCalls ? 'tool_calls' : 'stop';
  const reason = textOf(recordOf(response['incomplete_details'])['reason']);
  if (reason === 'content_filter') return 'content_filter';
  if (reason === 'max_output_tokens' || reason === 'max_tokens') return 'length';
  return hasCalls && areCallsWhole ? 'tool_calls' : 'length';
}
