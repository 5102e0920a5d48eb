/**
 * The limits in an answer's headers as the event that says the same over a websocket, where a client sees no headers of
 * an answer (wire spec A10). Of the one account that served, as the headers are.
 */
import { accountMeter } from '../../../accounts/quota.ts';
import { readQuotaHeaders } from '../../../accounts/read-quota.ts';

/** null when the headers name no window of the account's own meter. */
export function renderLimitsEvent(headers: Readonly<Record<string, string>>, now: Date): Buffer | null {
  const { readings } = readQuotaHeaders(Object.entries(headers), now);
  const own = readings.filter(({ meter }) => meter === accountMeter);
  if (own.length === 0) return null;
  // The client tells windows apart by their length; the shortest stands first, as everywhere else.
  const [primary, secondary = null] = own.toSorted((a, b) => a.windowMinutes - b.windowMinutes).map(slotOf);
  const isReached = own.some(({ usedPercent }) => usedPercent >= 100);
  return Buffer.from(
    JSON.stringify({
      type: 'codex.rate_limits',
      plan_type: headers['x-codex-plan-type'] ?? null,
      rate_limits: { allowed: !isReached, limit_reached: isReached, primary, secondary },
      credits: null,
    }),
  );
}

function slotOf(reading: { usedPercent: number; windowMinutes: number; resetAt: Date | null }) {
  const { usedPercent, windowMinutes, resetAt } = reading;
  return {
    used_percent: usedPercent,
    window_minutes: windowMinutes,
    reset_at: resetAt ? Math.ceil(resetAt.getTime() / 1000) : null,
  };
}
