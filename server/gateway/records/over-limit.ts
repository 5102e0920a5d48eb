/** What a client is told whose key has no room for its request. Pure. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { refusalOfLimit } from '../../contract/limit-words.ts';
import type { LimitRefusal } from '../../contract/limits.ts';

/** A place that depends on what runs now may be free any time. */
const shortestWaitMs = 1_000;

/** @example overLimit(refusal, clock.now()).sentence // '… It allows 100 requests per day: 100 used, 1 asked for.' */
export function overLimit(refusal: LimitRefusal, now: Date): GatewayError {
  const { freeAt } = refusal;
  return new GatewayError('api_key_policy_limit_exceeded', {
    detail: refusalOfLimit(refusal),
    retryAfterMs: freeAt ? Math.max(freeAt.getTime() - now.getTime(), shortestWaitMs) : undefined,
    resetsAt: freeAt ?? undefined,
    limit: refusal,
  });
}
