/**
 * Spends the quota that would be lost first: what is left of a window is gone when it resets, so the account whose
 * weekly window resets soonest comes first, and of those that reset together the one whose 5-hour window does. What
 * the floor protects is left alone as long as another account may serve.
 */
import type { QuotaReading } from '../../accounts/quota.ts';
import { reserveKey, type Strategy } from './strategy.ts';

/** Resets are compared in steps: one cycle's reset drifts by up to five minutes between surfaces (gateway spec 5.6). */
const stepMs = 5 * 60_000;
/** Windows of a day and longer (weekly, monthly) hold what takes longest to come back, so they decide first. */
const lastingMinutes = 24 * 60;
/** A brief window resets within a day, which has fewer steps than this. */
const stepsOfBrief = 1_024;
/** Further off than any reset (two years): a window that is not running loses nothing by waiting. */
const never = 2 * 365 * 86_400_000;
const unknownReset = Number.POSITIVE_INFINITY;

export const soonestReset: Strategy = {
  keysFor(_accounts, { quota, now, floorPercent }) {
    const limits = { nowMs: now.getTime(), floorPercent };
    return ({ id }) => keyOf(quota(id), limits);
  },
};

function keyOf(
  readings: readonly QuotaReading[],
  { nowMs, floorPercent }: { nowMs: number; floorPercent: number },
): number {
  let lastingMs = nowMs + never;
  let briefMs = nowMs + lastingMinutes * 60_000;
  let isAtFloor = false;
  for (const { resetAt, windowMinutes, usedPercent } of readings) {
    const resetMs = resetAt === null ? unknownReset : resetAt.getTime();
    // The cycle has ended: a full one begins with the next use (gateway spec 5.7).
    if (resetMs <= nowMs) continue;
    if (100 - usedPercent <= floorPercent) isAtFloor = true;
    // A length the provider did not say (0) tells of no window to compare with others.
    if (windowMinutes >= lastingMinutes) lastingMs = Math.min(lastingMs, resetMs);
    else if (windowMinutes > 0) briefMs = Math.min(briefMs, resetMs);
  }
  const key = Math.floor(lastingMs / stepMs) * stepsOfBrief + Math.floor((briefMs - nowMs) / stepMs);
  return isAtFloor ? key + reserveKey : key;
}
