/** What a key used and what limits it, as `GET /v1/usage` tells (v1 spec 1.1). Pure. */
import type { KeyLimitUse } from '../../contract/limits.ts';
import type { KeyUsage } from '../../usage/usage.ts';
import type { PoolUsage } from '../native/pool-usage.ts';

export interface KeyUse extends KeyUsage {
  readonly limits: readonly KeyLimitUse[];
}

export function publicUsage(use: KeyUse, pool: PoolUsage) {
  const { primary_window: shortest, secondary_window: longest } = pool.rate_limit;
  return {
    request_count: use.requests,
    total_tokens: use.totalTokens,
    cached_input_tokens: use.cachedTokens,
    total_cost_usd: use.costMicros / 1_000_000,
    limits: use.limits.map(({ unit, window, model, maximum, used, freeAt }) => ({
      unit,
      window,
      model,
      max_value: maximum,
      current_value: used,
      resets_at: freeAt && Math.ceil(freeAt.getTime() / 1000),
    })),
    upstream_limits: [shortest, longest].filter((window) => window !== null),
  };
}
