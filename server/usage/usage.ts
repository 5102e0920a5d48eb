/** What one answer used, as the provider reports it. Pure. */
import { z } from 'zod';

/** Counts of tokens. Cached and cache-write tokens are part of input, reasoning tokens of output (wire spec C7). */
export interface Usage {
  readonly inputTokens: number;
  /** null: the provider did not say. Never shown as 0. */
  readonly cachedTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly outputTokens: number;
  readonly reasoningTokens: number | null;
  readonly totalTokens: number;
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const details = z
  .object({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish(), reasoning_tokens: count.nullish() })
  .nullish();

const Report = z.object({
  input_tokens: count,
  output_tokens: count,
  total_tokens: count.nullish(),
  cached_input_tokens: count.nullish(),
  cache_write_tokens: count.nullish(),
  reasoning_tokens: count.nullish(),
  input_tokens_details: details,
  output_tokens_details: details,
});

/**
 * Reads a `usage` object of the provider.
 *
 * @returns null when it is missing or contradicts itself (gateway spec 11.1): more cached than input, or a total that
 *   is not the sum. A wrong count is worse than none, because costs and limits are computed from it.
 */
export function readTokenUsage(report: unknown): Usage | null {
  const parsed = Report.safeParse(report);
  if (!parsed.success) return null;
  const {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_tokens_details,
    output_tokens_details,
    ...rest
  } = parsed.data;
  const usage: Usage = {
    inputTokens,
    cachedTokens: rest.cached_input_tokens ?? input_tokens_details?.cached_tokens ?? null,
    cacheWriteTokens: rest.cache_write_tokens ?? input_tokens_details?.cache_write_tokens ?? null,
    outputTokens,
    reasoningTokens: rest.reasoning_tokens ?? output_tokens_details?.reasoning_tokens ?? null,
    totalTokens: rest.total_tokens ?? inputTokens + outputTokens,
  };
  return isConsistent(usage) ? usage : null;
}

function isConsistent(usage: Usage): boolean {
  return (
    (usage.cachedTokens ?? 0) + (usage.cacheWriteTokens ?? 0) <= usage.inputTokens &&
    (usage.reasoningTokens ?? 0) <= usage.outputTokens &&
    usage.totalTokens === usage.inputTokens + usage.outputTokens
  );
}
