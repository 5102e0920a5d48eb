/**
 * What an answer would have cost at API prices: the formula of gateway spec 11.3, exact to a nano-dollar. Accounts are
 * subscriptions, so this is an equivalent, not a bill. Pure.
 */
import type { Prices, Rates } from '../catalog/prices.ts';
import type { CostStatus } from '../contract/vocabulary.ts';
import type { Usage } from './usage.ts';

export interface Cost {
  /** Millionths of a US dollar with three decimals, as text so that no digit is lost; null when unpriced. */
  readonly micros: string | null;
  readonly status: CostStatus;
}

export interface PriceQuestion {
  readonly model: string;
  readonly usage: Usage;
  /** The tier the client asked for, if any. */
  readonly requestedTier: string | null;
  /** The tier the provider says it used; it decides when known. */
  readonly servedTier: string | null;
}

/** Prices one answer. Unpriced answers say why instead of pretending to be free. */
export function costOf(question: PriceQuestion, prices: Prices): Cost {
  const tier = tierOf(question);
  if (tier === null) return unpriced('unpriced_auto_tier');
  if (tier === 'batch' && !isServedAs(question, 'batch')) return unpriced('unpriced_batch_tier');
  const tiers = prices.tiersOf(question.model);
  if (!tiers) return unpriced('unpriced_missing_model');
  const buckets = Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
  if (!buckets) return unpriced('unpriced_missing_tier');
  const isLong = question.usage.inputTokens > prices.longContextAboveInputTokens;
  const rates = isLong && buckets.long !== undefined ? buckets.long : buckets.default;
  if (rates === null) return unpriced('unpriced_unavailable_price_bucket');
  const writes = question.usage.cacheWriteTokens ?? 0;
  if (writes > 0 && rates.cacheWrite === undefined) return unpriced('unpriced_missing_cache_write_rate');
  return { micros: microsText(nanosOf(question.usage, rates)), status: 'priced' };
}

/** A wish for batch prices is no proof of them: only the provider's own word is. */
function isServedAs({ servedTier }: PriceQuestion, tier: string): boolean {
  return servedTier?.trim().toLowerCase() === tier;
}

/** `fast` is the client's word for `priority`; `auto` without a served tier cannot be priced. */
function tierOf({ requestedTier, servedTier }: PriceQuestion): string | null {
  const named = (tier: string | null) => tier?.trim().toLowerCase() || null;
  const served = named(servedTier);
  const tier = served !== null && served !== 'auto' ? served : named(requestedTier);
  if (tier === 'auto') return null;
  if (tier === null || tier === 'default' || tier === 'standard') return 'standard';
  return tier === 'fast' ? 'priority' : tier;
}

function nanosOf(usage: Usage, rates: Rates): bigint {
  const cached = Math.min(usage.cachedTokens ?? 0, usage.inputTokens);
  const writes = usage.cacheWriteTokens ?? 0;
  const plainInput = Math.max(usage.inputTokens - cached - writes, 0);
  const reasoning = Math.min(usage.reasoningTokens ?? 0, usage.outputTokens);
  const plainOutput = usage.outputTokens - reasoning;
  return (
    nanos(plainInput, rates.input) +
    nanos(cached, rates.cached) +
    nanos(writes, rates.cacheWrite ?? 0) +
    nanos(plainOutput, rates.output) +
    nanos(reasoning, rates.reasoning ?? rates.output)
  );
}

/** Rates have at most three decimals of a micro-dollar, so nano-dollars are whole; BigInt keeps any sum exact. */
function nanos(tokens: number, rate: number): bigint {
  return BigInt(tokens) * BigInt(Math.round(rate * 1000));
}

function microsText(nanoDollars: bigint): string {
  const text = nanoDollars.toString().padStart(4, '0');
  return `${text.slice(0, -3)}.${text.slice(-3)}`;
}

function unpriced(status: CostStatus): Cost {
  return { micros: null, status };
}
