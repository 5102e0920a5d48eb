/**
 * Provider limits as readings: what a window is, how old it is, and when it stops an account. Pure; everything here is
 * judged at the moment it is asked, so nothing has to run for a limit to end or a reading to grow old.
 */
import type { QuotaSource } from '../contract/vocabulary.ts';

export interface QuotaReading {
  /** `codex` for the account's own limit, else the provider's limit id. */
  readonly meter: string;
  /** Window length in minutes. Windows are told apart by length, never by slot (wire spec A10). 0 = not said. */
  readonly windowMinutes: number;
  /** 0–100. */
  readonly usedPercent: number;
  readonly resetAt: Date | null;
  readonly observedAt: Date;
  readonly source: QuotaSource;
  /** The provider's own clock when it wrote this, where its reset tells (5.6): a cached answer repeats it. Not kept. */
  readonly statedAt?: Date | undefined;
}

/** What the provider says of an account's credits. */
export interface CreditReading {
  readonly hasCredits: boolean;
  readonly unlimited: boolean;
  /** Decimal text, as the provider wrote it. */
  readonly balance: string | null;
  readonly observedAt: Date;
}

/** The meter that limits every model of an account. */
export const accountMeter = 'codex';

/** A window with this use serves nothing more. */
export const exhaustedPercent = 100;

/** Windows this long (weekly, monthly) are those that credits pay for and that a saved reset is worth. */
export const lastingMinutes = 24 * 60;

/**
 * How long "used up" without a reset time holds. Short, because the worse mistake is an account that stays out for
 * ever; one refused call after it renews the reading.
 */
export const unknownResetHoldMs = 5 * 60_000;

/** Older readings are shown as old (gateway spec 5.4); a window that its siblings left behind by as much is gone. */
const freshMs = 15 * 60_000;
/** A reading further ahead of the clock was taken by a clock that was wrong. */
export const futureMs = 5 * 60_000;

/** What a reading is worth: `expired` when its cycle has ended, so that its numbers say nothing any more. */
export type Freshness = 'fresh' | 'stale' | 'expired';

/** @example freshnessOf(reading, clock.now()) */
export function freshnessOf(reading: QuotaReading, now: Date): Freshness {
  if (isExpired(reading, now)) return 'expired';
  const ageMs = now.getTime() - reading.observedAt.getTime();
  return ageMs > freshMs || ageMs < -futureMs ? 'stale' : 'fresh';
}

/** Names one logical window of an account. */
export function windowKey(reading: Pick<QuotaReading, 'meter' | 'windowMinutes'>): string {
  return `${reading.meter}/${reading.windowMinutes}`;
}

/** Has the cycle this reading speaks of ended by `now`? Then its numbers say nothing any more. */
export function isExpired(reading: QuotaReading, now: Date): boolean {
  return endOfHold(reading).getTime() <= now.getTime();
}

/**
 * Until when this reading stops work, or null when it stops nothing: not used up, or its cycle has ended. An ended
 * cycle never blocks; the next call finds out (gateway spec 5.7).
 */
export function blockedUntil(reading: QuotaReading, now: Date): Date | null {
  return reading.usedPercent < exhaustedPercent || isExpired(reading, now) ? null : endOfHold(reading);
}

/**
 * The provider has stopped naming this window: others of its meter were named for a quarter of an hour since (gateway
 * spec 5.5). It no longer counts; whether it would come back, the next report says.
 */
export function isFrozen(reading: QuotaReading, windows: readonly QuotaReading[]): boolean {
  const leftBehindMs = reading.observedAt.getTime() + freshMs;
  return windows.some(
    ({ meter, windowMinutes, observedAt }) =>
      meter === reading.meter && windowMinutes !== reading.windowMinutes && observedAt.getTime() >= leftBehindMs,
  );
}

/** Do these credits pay for work beyond a limit? */
export function canPay({
  hasCredits,
  unlimited,
  balance,
}: Pick<CreditReading, 'hasCredits' | 'unlimited' | 'balance'>): boolean {
  if (unlimited) return true;
  return hasCredits && (balance === null || Number(balance) > 0);
}

function endOfHold(reading: QuotaReading): Date {
  return reading.resetAt ?? new Date(reading.observedAt.getTime() + unknownResetHoldMs);
}
