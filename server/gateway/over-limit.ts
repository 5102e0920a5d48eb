/** What a client is told whose key has no room for its request. Pure. */
import { GatewayError } from '../contract/gateway-error.ts';
import type { LimitRefusal } from '../contract/limits.ts';
import { limitUnits, limitWindows, type LimitUnit } from '../contract/vocabulary.ts';

/** A place that depends on what runs now may be free any time. */
const shortestWaitMs = 1_000;

/** @example overLimit(refusal, clock.now()).sentence // '… 100 requests per day: 100 used, 1 asked for.' */
export function overLimit(refusal: LimitRefusal, now: Date): GatewayError {
  const { unit, window, model, used, attempted, maximum, freeAt } = refusal;
  const scope = model === null ? '' : ` for ${model}`;
  const allowed = `It allows ${amountOf(unit, maximum)} ${limitWindows[window]}${scope}`;
  const spent = window === 'request' ? '' : `${amountOf(unit, used)} used, `;
  return new GatewayError('api_key_policy_limit_exceeded', {
    detail: `${allowed}: ${spent}${amountOf(unit, attempted)} asked for.`,
    retryAfterMs: freeAt ? Math.max(freeAt.getTime() - now.getTime(), shortestWaitMs) : undefined,
    resetsAt: freeAt ?? undefined,
    limit: refusal,
  });
}

/** `1500 input tokens`; money in dollars, with as many digits as it takes. */
function amountOf(unit: LimitUnit, amount: number): string {
  if (unit === 'cost_micros') return `$${(amount / 1e6).toFixed(6).replace(/(\.\d\d)(\d*?)0+$/, '$1$2')}`;
  return `${amount} ${unit === 'concurrency' ? 'requests' : limitUnits[unit].toLowerCase()}`;
}
