/** What an account's limits say about one model at one moment. Pure. */
import {
  accountMeter,
  blockedUntil,
  canPay,
  lastingMinutes,
  unknownResetHoldMs,
  type CreditReading,
  type QuotaReading,
} from './quota.ts';

export interface HeldCredits {
  readonly credits: CreditReading;
  /** The provider refused work although these credits should have paid: until then they are not counted on. */
  readonly doubtedUntil: Date | null;
}

export interface LimitVerdict {
  /** When the last limit in the way ends; null when none is in the way. */
  readonly until: Date | null;
  /** Only credits let it serve: a limit is used up, and work beyond it is paid for. */
  readonly isOnCredits: boolean;
}

export interface LimitQuestion {
  readonly now: Date;
  readonly credits: HeldCredits | null;
}

/**
 * @param readings - those that count for the model
 * @example judgeLimits(standing, { now, credits: null }).until
 */
export function judgeLimits(readings: readonly QuotaReading[], question: LimitQuestion): LimitVerdict {
  let until: Date | null = null;
  let isOnCredits = false;
  for (const reading of readings) {
    const blocked = blockedUntil(reading, question.now);
    if (blocked === null) continue;
    if (isPaidFor(reading, question)) isOnCredits = true;
    else if (until === null || blocked.getTime() > until.getTime()) until = blocked;
  }
  return { until, isOnCredits: isOnCredits && until === null };
}

/** Credits pay beyond the account's own weekly and monthly limits (gateway spec 3.1), not for a burst in five hours. */
function isPaidFor({ meter, windowMinutes }: QuotaReading, { credits, now }: LimitQuestion): boolean {
  if (credits === null || meter !== accountMeter || windowMinutes < lastingMinutes) return false;
  return canPay(credits.credits) && (credits.doubtedUntil === null || credits.doubtedUntil.getTime() <= now.getTime());
}

/** The same credits after the provider refused work as beyond a limit all the same. */
export function doubtCredits(held: HeldCredits, refusals: readonly QuotaReading[]): HeldCredits {
  return refusals.reduce((doubted, { meter, source, resetAt, observedAt }) => {
    if (meter !== accountMeter || source !== 'error_body') return doubted;
    const until = resetAt ?? new Date(observedAt.getTime() + unknownResetHoldMs);
    return doubted.doubtedUntil !== null && doubted.doubtedUntil >= until
      ? doubted
      : { ...doubted, doubtedUntil: until };
  }, held);
}

/** The same numbers again lift no doubt: what was doubted stays so until the provider says something else. */
export function holdCredits(held: HeldCredits | null, credits: CreditReading): HeldCredits {
  return { credits, doubtedUntil: held && isSameCredits(held.credits, credits) ? held.doubtedUntil : null };
}

/** Whenever they were read. */
export function isSameCredits(a: CreditReading, b: CreditReading): boolean {
  return a.hasCredits === b.hasCredits && a.unlimited === b.unlimited && a.balance === b.balance;
}
