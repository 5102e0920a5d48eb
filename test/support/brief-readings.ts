/** Readings in short, for tests: meter, window, percent, and the seconds until the reset. */
import type { QuotaReading } from '../../server/accounts/quota.ts';

/** The moment at which everything is read. */
export const readAt = new Date('2026-11-22T06:00:00Z');

export function brief(readings: readonly QuotaReading[]) {
  return readings.map(({ meter, windowMinutes, usedPercent, resetAt }) => [
    meter,
    windowMinutes,
    usedPercent,
    resetAt && (resetAt.getTime() - readAt.getTime()) / 1000,
  ]);
}
