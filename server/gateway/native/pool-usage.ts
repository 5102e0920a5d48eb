/**
 * A Pool's limits in the shape Codex clients parse (wire spec B9): one declared synthesis over its accounts. Per window
 * length, use is the mean of the accounts that may serve, and the reset is the earliest one to come. Pure.
 */
import type { AccountFacts } from '../../accounts/account.ts';
import { accountMeter, blockedUntil, isExpired, type QuotaReading } from '../../accounts/quota.ts';

export interface UsageWindow {
  /** Whole numbers only: a fraction makes the client refuse the whole document (wire spec A12). */
  readonly used_percent: number;
  readonly limit_window_seconds: number;
  readonly reset_after_seconds: number;
  readonly reset_at: number;
}

export interface PoolUsage {
  readonly plan_type: string;
  readonly rate_limit: {
    readonly allowed: boolean;
    readonly limit_reached: boolean;
    readonly primary_window: UsageWindow | null;
    readonly secondary_window: UsageWindow | null;
  };
  readonly credits: null;
  readonly additional_rate_limits: null;
}

export interface AccountReadings {
  readonly account: AccountFacts;
  readonly readings: readonly QuotaReading[];
}

/** The shortest window is shown first, the longest second, as the client's display expects. */
export function poolUsage(rows: readonly AccountReadings[], now: Date): PoolUsage {
  const serving = rows.filter(({ account }) => account.status === 'active' || account.status === 'refresh_failed');
  const ownReadings = serving.map(({ readings }) => readings.filter(({ meter }) => meter === accountMeter));
  const lengths = [...new Set(ownReadings.flat().map(({ windowMinutes }) => windowMinutes))]
    .filter((minutes) => minutes > 0)
    .toSorted((a, b) => a - b);
  const windows = lengths.map((minutes) =>
    windowOf(minutes, {
      readings: ownReadings.flatMap((own) => own.filter((each) => each.windowMinutes === minutes)),
      now,
    }),
  );
  const isAllowed = ownReadings.some((own) => own.every((reading) => blockedUntil(reading, now) === null));
  const plans = new Set(serving.map(({ account }) => account.plan ?? 'unknown'));
  return {
    plan_type: plans.size === 1 ? ([...plans][0] ?? 'unknown') : 'unknown',
    rate_limit: {
      allowed: isAllowed,
      limit_reached: !isAllowed,
      primary_window: windows[0] ?? null,
      secondary_window: windows.length > 1 ? (windows.at(-1) ?? null) : null,
    },
    credits: null,
    additional_rate_limits: null,
  };
}

/** A window whose reset has passed is unused again, whatever it said before. */
function windowOf(minutes: number, { readings, now }: { readings: readonly QuotaReading[]; now: Date }): UsageWindow {
  const used = readings.map((reading) => (isExpired(reading, now) ? 0 : reading.usedPercent));
  const mean = used.reduce((sum, percent) => sum + percent, 0) / Math.max(used.length, 1);
  const resets = readings.flatMap(({ resetAt }) => (resetAt && resetAt > now ? [resetAt.getTime()] : []));
  const resetMs = resets.length > 0 ? Math.min(...resets) : now.getTime() + minutes * 60_000;
  return {
    used_percent: Math.round(mean),
    limit_window_seconds: minutes * 60,
    reset_after_seconds: Math.max(0, Math.ceil((resetMs - now.getTime()) / 1000)),
    reset_at: Math.ceil(resetMs / 1000),
  };
}
