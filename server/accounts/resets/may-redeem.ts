/** May a saved reset be spent without anybody asking for it? The only place that decides it. Pure (gateway spec 5.8). */
import type { ResetPolicy } from '../../contract/resets.ts';
import { spentOutcomes, type ResetOutcome } from '../../contract/vocabulary.ts';
import { accountMeter, blockedUntil, type QuotaReading } from '../quota.ts';

/** A saved reset as far as spending it goes. */
export interface Credit {
  readonly id: string;
  readonly status: 'available' | 'redeeming' | 'redeemed';
  readonly expiresAt: Date | null;
}

/** The newest try to spend one. */
export interface LatestRedemption {
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: ResetOutcome | null;
}

export interface RedeemFacts {
  readonly policy: ResetPolicy;
  /** In the provider's order. */
  readonly credits: readonly Credit[];
  /** The limits that keep the account from serving now. */
  readonly blocking: readonly QuotaReading[];
  readonly latest: LatestRedemption | null;
  readonly now: Date;
}

export type RedeemDecision =
  | { readonly may: true; readonly creditId: string }
  | {
      readonly may: false;
      readonly why:
        | 'off'
        | 'not_weekly_alone'
        | 'reset_is_near'
        | 'in_progress'
        | 'cooling_down'
        | 'unconfirmed'
        | 'kept';
    };

/** The window that a saved reset is worth spending on. */
const weeklyMinutes = 10_080;
/** After a try, whatever came of it, nothing is spent by itself for so long (gateway spec 5.8). */
export const redeemCoolDownMs = 30 * 60_000;

/** @example const decision = mayRedeem(facts); if (decision.may) …spend decision.creditId… */
export function mayRedeem({ policy, credits, blocking, latest, now }: RedeemFacts): RedeemDecision {
  if (!policy.isAutomatic) return { may: false, why: 'off' };
  if (!isWeeklyAlone(blocking)) return { may: false, why: 'not_weekly_alone' };
  if (!blocking.every((reading) => isFarAway(reading, { policy, now }))) return { may: false, why: 'reset_is_near' };
  if (latest !== null) {
    const isRecent = now.getTime() < latest.startedAt.getTime() + redeemCoolDownMs;
    // Later nobody is busy with it: it is gone on with under its own name, which spends nothing twice.
    if (isRecent) return { may: false, why: latest.outcome === null ? 'in_progress' : 'cooling_down' };
    // What was spent may have worked already: only a reading taken since can say that it did not.
    if (isUnconfirmed(latest, blocking)) return { may: false, why: 'unconfirmed' };
  }
  const usable = credits.filter((credit) => isUsable(credit, now));
  const [first] = usable;
  if (!first || usable.length <= policy.keepCredits) return { may: false, why: 'kept' };
  return { may: true, creditId: first.id };
}

/** Is the account out by its weekly limit and nothing else? */
export function isWeeklyAlone(blocking: readonly QuotaReading[]): boolean {
  return (
    blocking.length > 0 &&
    blocking.every(({ meter, windowMinutes }) => meter === accountMeter && windowMinutes === weeklyMinutes)
  );
}

/** Can this saved reset be spent? */
export function isUsable({ status, expiresAt }: Credit, now: Date): boolean {
  return status === 'available' && (expiresAt === null || expiresAt > now);
}

/** A reset that nobody knows the time of may be near. */
function isFarAway(reading: QuotaReading, { policy, now }: Pick<RedeemFacts, 'policy' | 'now'>): boolean {
  if (reading.resetAt === null) return false;
  const until = blockedUntil(reading, now);
  return until !== null && until.getTime() - now.getTime() >= policy.minBlockedMinutes * 60_000;
}

function isUnconfirmed({ outcome, finishedAt }: LatestRedemption, blocking: readonly QuotaReading[]): boolean {
  if (outcome === null || !spentOutcomes.has(outcome) || finishedAt === null) return false;
  return blocking.some(({ observedAt }) => observedAt <= finishedAt);
}
