/** Usage under the names of chat completions (v1 spec 3.5). Pure. */
import { isRecord, recordOf, type JsonRecord } from '../../../lib/json-values.ts';

/** @returns null when the provider reported none: zeros would be a lie. */
export function chatUsage(usage: unknown): JsonRecord | null {
  if (!isRecord(usage)) return null;
  const input = numberOf(usage['input_tokens']);
  const output = numberOf(usage['output_tokens']);
  const inputDetails = recordOf(usage['input_tokens_details']);
  const cacheWrite = inputDetails['cache_write_tokens'] ?? usage['cache_write_tokens'];
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: typeof usage['total_tokens'] === 'number' ? usage['total_tokens'] : input + output,
    prompt_tokens_details: {
      cached_tokens: numberOf(inputDetails['cached_tokens']),
      audio_tokens: 0,
      ...(typeof cacheWrite === 'number' ? { cache_write_tokens: cacheWrite } : {}),
    },
    completion_tokens_details: {
      reasoning_tokens: numberOf(recordOf(usage['output_tokens_details'])['reasoning_tokens']),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
