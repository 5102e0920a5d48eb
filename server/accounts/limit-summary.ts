/**
 * What a list of readings comes to, as far as choices ask: a few numbers instead of a walk over readings, because every
 * choice asks about every account. Pure.
 */
import { lastingMinutes, type QuotaReading } from './quota.ts';

/** True for every moment from `sinceMs` until before `untilMs`: in between no cycle ends. */
export interface LimitSummary {
  /** Percent left in the worst window, because that is the one that stops the account; infinite when none runs. */
  readonly leastLeftPercent: number;
  /** When the first window of a day or longer resets (weekly, monthly); infinite when none is known to. */
  readonly lastingResetMs: number;
  /** When the first shorter one does, such as that of 5 hours. */
  readonly briefResetMs: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly readings: readonly QuotaReading[];
}

/** @example summarizeLimits(readings, clock.now().getTime()).leastLeftPercent */
export function summarizeLimits(readings: readonly QuotaReading[], nowMs: number): LimitSummary {
  let leastLeftPercent = Number.POSITIVE_INFINITY;
  let lastingResetMs = Number.POSITIVE_INFINITY;
  let briefResetMs = Number.POSITIVE_INFINITY;
  let sinceMs = Number.NEGATIVE_INFINITY;
  let untilMs = Number.POSITIVE_INFINITY;
  for (const { resetAt, windowMinutes, usedPercent } of readings) {
    const resetMs = resetAt === null ? Number.POSITIVE_INFINITY : resetAt.getTime();
    // The cycle has ended: a full one begins with the next use (gateway spec 5.7).
    if (resetMs <= nowMs) {
      sinceMs = Math.max(sinceMs, resetMs);
      continue;
    }
    untilMs = Math.min(untilMs, resetMs);
    leastLeftPercent = Math.min(leastLeftPercent, 100 - usedPercent);
    // A length the provider did not say (0) tells of no window to compare with others.
    if (windowMinutes >= lastingMinutes) lastingResetMs = Math.min(lastingResetMs, resetMs);
    else if (windowMinutes > 0) briefResetMs = Math.min(briefResetMs, resetMs);
  }
  return { leastLeftPercent, lastingResetMs, briefResetMs, sinceMs, untilMs, readings };
}

/** The same readings at another moment; the same object while it is still true. */
export function summaryAt(summary: LimitSummary, nowMs: number): LimitSummary {
  const isTrue = summary.sinceMs <= nowMs && nowMs < summary.untilMs;
  return isTrue ? summary : summarizeLimits(summary.readings, nowMs);
}
