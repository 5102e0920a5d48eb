/**
 * Spends the quota that would be lost first: what is left of a window is gone when it resets, so the account whose
 * weekly window resets soonest comes first, and of those that reset together the one whose 5-hour window does. What
 * the floor protects is left alone as long as another account may serve.
 */
import type { LimitSummary } from '../../accounts/limit-summary.ts';
import { lastingMinutes } from '../../accounts/quota.ts';
import { reserveKey, type Strategy } from './strategy.ts';

/** Resets are compared in steps: one cycle's reset drifts by up to five minutes between surfaces (gateway spec 5.6). */
const stepMs = 5 * 60_000;
/** A brief window resets within a day, which has fewer steps than this. */
const stepsOfBrief = 1_024;
/** Further off than any reset (two years): a window that is not running loses nothing by waiting. */
const never = 2 * 365 * 86_400_000;
const dayMs = lastingMinutes * 60_000;

export const soonestReset: Strategy = {
  keysFor(_accounts, { limits, now, floorPercent }) {
    const nowMs = now.getTime();
    return (account) => keyOf(limits(account), { nowMs, floorPercent });
  },
};

/** Windows of a day and longer hold what takes longest to come back, so they decide first. */
function keyOf(
  { leastLeftPercent, lastingResetMs, briefResetMs }: LimitSummary,
  { nowMs, floorPercent }: { nowMs: number; floorPercent: number },
): number {
  const lastingMs = Math.min(lastingResetMs, nowMs + never);
  const briefMs = Math.min(briefResetMs - nowMs, dayMs);
  const key = Math.floor(lastingMs / stepMs) * stepsOfBrief + Math.floor(briefMs / stepMs);
  return leastLeftPercent <= floorPercent ? key + reserveKey : key;
}
