/** What the board says about accounts to one question, at one moment. Instant for each account: all of them are asked. */
import { judgeLimits, type LimitVerdict } from './account-limits.ts';
import { limitsOf, readingsFor, type HeldAccount } from './held-account.ts';
import type { LimitSummary } from './limit-summary.ts';
import { blockedUntil, type QuotaReading } from './quota.ts';

/** Why an account cannot take this call now although its state is sound. */
export interface Unavailability {
  readonly code: 'usage_limit_reached' | 'cooling_down' | 'edge_back_off';
  /** When it ends, as far as is known. */
  readonly until: Date | null;
}

/** All accounts as one question sees them, at one moment. */
export interface LimitsView {
  /** Why the account cannot serve now, or null. */
  unavailability(held: HeldAccount): Unavailability | null;
  /** A limit is used up and only its credits let the account serve: others should, as long as any can. */
  isOnCredits(held: HeldAccount): boolean;
  /** The limits that keep the account from serving now; none while nothing else than a limit does. */
  blocking(held: HeldAccount): readonly QuotaReading[];
  /** What counts for the model, whatever it says. */
  limits(held: HeldAccount): LimitSummary;
}

export interface LimitQuestion {
  readonly now: Date;
  /** Meters, beside an account's own, that limit the model. */
  readonly meters: ReadonlySet<string>;
  /** The network edge refuses us until then. */
  readonly edgeUntil: Date | null;
}

const nothingInTheWay: LimitVerdict = { until: null, isOnCredits: false };

/** @example const view = lookAtLimits({ now, meters, edgeUntil }); view.unavailability(account.held) */
export function lookAtLimits({ now, meters, edgeUntil }: LimitQuestion): LimitsView {
  const ask = { meters, nowMs: now.getTime() };
  const edgeBackOff: Unavailability | null = isAhead(edgeUntil, now)
    ? { code: 'edge_back_off', until: edgeUntil }
    : null;

  const judge = (held: HeldAccount): LimitVerdict =>
    held.isUsedUp ? judgeLimits(readingsFor(held, meters), { now, credits: held.credits }) : nothingInTheWay;

  function whatIsWatched(held: HeldAccount): Unavailability | null {
    const limit = judge(held).until;
    if (limit !== null) return { code: 'usage_limit_reached', until: limit };
    const cooling = isAhead(held.coolingUntil, now) ? held.coolingUntil : null;
    const until = isAhead(held.refusedUntil, now) ? laterOf(cooling, held.refusedUntil) : cooling;
    return until && { code: 'cooling_down', until };
  }

  return {
    unavailability: (held) => edgeBackOff ?? (held.isWatched ? whatIsWatched(held) : null),
    isOnCredits: (held) => held.isUsedUp && judge(held).isOnCredits,
    blocking(held) {
      if (judge(held).until === null) return [];
      return readingsFor(held, meters).filter((reading) => blockedUntil(reading, now) !== null);
    },
    limits: (held) => limitsOf(held, ask),
  };
}

/** No wait is longer (`note-fault.ts`): one that ends later was noted by a clock that has been set back since. */
const longestWaitMs = 60 * 60_000;

/** @returns the later of two ends, of which either may be missing */
export function laterOf(a: Date | null, b: Date | null): Date | null {
  return a === null || (b !== null && b.getTime() > a.getTime()) ? b : a;
}

/** A new wait beside the one that is held: the longer counts, but for one that no right clock can have noted. */
export function waitUntil(held: Date | null, until: Date): Date {
  const isWrong = held !== null && held.getTime() - until.getTime() > longestWaitMs;
  return isWrong ? until : (laterOf(held, until) ?? until);
}

/** In numbers, because comparing two dates as they are takes a hundred times as long. */
function isAhead(until: Date | null, now: Date): boolean {
  const leftMs = until === null ? 0 : until.getTime() - now.getTime();
  return leftMs > 0 && leftMs <= longestWaitMs;
}
