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

/** What one key used altogether. */
export interface KeyUsage {
  readonly requests: number;
  readonly totalTokens: number;
  readonly cachedTokens: number;
  readonly costMicros: number;
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const details = z
  .object({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish(), reasoning_tokens: count.nullish() })
  .nullish();

const Report = z.object({
  input_tokens: count.nullish(),
  prompt_tokens: count.nullish(),
  output_tokens: count.nullish(),
  completion_tokens: count.nullish(),
  total_tokens: count.nullish(),
  cached_input_tokens: count.nullish(),
  cache_write_tokens: count.nullish(),
  reasoning_tokens: count.nullish(),
  input_tokens_details: details,
  prompt_tokens_details: details,
  output_tokens_details: details,
  completion_tokens_details: details,
});

/**
 * Reads a `usage` object of the provider, in the words of any of its APIs.
 *
 * @returns null when it is missing or contradicts itself (gateway spec 11.1): more cached than input, or a total that
 *   is not the sum. A wrong count is worse than none, because costs and limits are computed from it.
 */
export function readTokenUsage(report: unknown): Usage | null {
  const { data } = Report.safeParse(report);
  if (!data) return null;
  const inputTokens = data.input_tokens ?? data.prompt_tokens ?? null;
  const outputTokens = data.output_tokens ?? data.completion_tokens ?? null;
  if (inputTokens === null || outputTokens === null) return null;
  const ofInput = [data.input_tokens_details, data.prompt_tokens_details];
  const ofOutput = [data.output_tokens_details, data.completion_tokens_details];
  const usage: Usage = {
    inputTokens,
    cachedTokens: firstOf(data.cached_input_tokens, ...ofInput.map((part) => part?.cached_tokens)),
    cacheWriteTokens: firstOf(data.cache_write_tokens, ...ofInput.map((part) => part?.cache_write_tokens)),
    outputTokens,
    reasoningTokens: firstOf(data.reasoning_tokens, ...ofOutput.map((part) => part?.reasoning_tokens)),
    totalTokens: data.total_tokens ?? inputTokens + outputTokens,
  };
  return isConsistent(usage) ? usage : null;
}

function firstOf(...counts: (number | null | undefined)[]): number | null {
  return counts.find((each) => typeof each === 'number') ?? null;
}

/** Where an answer says what it used: the report as it came, and the tier beside it. */
export interface UsageReport {
  readonly usage: unknown;
  readonly servedTier: unknown;
}

/** The provider's word for the tier it served, if it is a plain word: it goes into records. */
export function readServedTier(tier: unknown): string | null {
  return typeof tier === 'string' && /^[A-Za-z0-9_.-]{1,40}$/.test(tier) ? tier : null;
}

function isConsistent(usage: Usage): boolean {
  return (
    (usage.cachedTokens ?? 0) + (usage.cacheWriteTokens ?? 0) <= usage.inputTokens &&
    (usage.reasoningTokens ?? 0) <= usage.outputTokens &&
    usage.totalTokens === usage.inputTokens + usage.outputTokens
  );
}
