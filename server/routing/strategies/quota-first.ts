/** Most left in the worst window first; an account nothing is known of counts as empty (gateway spec 4.2). */
import type { QuotaReading } from '../../accounts/quota.ts';
import type { Strategy } from './strategy.ts';

export const quotaFirst: Strategy = {
  keysFor(_accounts, { quota, now }) {
    const nowMs = now.getTime();
    return ({ id }) => -percentLeft(quota(id), nowMs);
  },
};

/** Percent left in the worst window, because that is the one that stops the account. */
function percentLeft(readings: readonly QuotaReading[], nowMs: number): number {
  let worst = 100;
  for (const { usedPercent, resetAt } of readings) {
    // The cycle has ended: a full one begins with the next use (gateway spec 5.7).
    if (resetAt !== null && resetAt.getTime() <= nowMs) continue;
    if (100 - usedPercent < worst) worst = 100 - usedPercent;
  }
  return readings.length === 0 ? 0 : worst;
}
