/**
 * What the board holds of one account. Whatever a choice asks of a thousand accounts is worked out when it changes, not
 * when it is asked, and an account's facts point here, so that nothing has to be looked up.
 */
import { fingerprintOf, type Fingerprint } from '../lib/rendezvous.ts';
import type { HeldCredits } from './account-limits.ts';
import { summarizeLimits, summaryAt, type LimitSummary } from './limit-summary.ts';
import type { HeldWindows } from './merge-quota.ts';
import { accountMeter, exhaustedPercent, isFrozen, type QuotaReading } from './quota.ts';

/** What every choice reads stands first: it fits one line of the processor's cache. */
export interface HeldAccount {
  /** Of the account's id. */
  readonly fingerprint: Fingerprint;
  /** Something here may speak against it: a limit used up, a wait. */
  isWatched: boolean;
  /** What attempts taught may speak against it: a circuit that is not closed, a refused model. */
  isTroubled: boolean;
  /** One of the standing readings is used up: only then is there anything to judge. */
  isUsedUp: boolean;
  /** What counts for {@link HeldAccount.countedFor}, the meters that were asked for last. */
  counted: LimitSummary;
  countedFor: ReadonlySet<string> | null;
  /** When it last answered a request to its end; 0 when it never did. */
  lastSuccessMs: number;
  credits: HeldCredits | null;
  coolingUntil: Date | null;
  refusedUntil: Date | null;
  /** The readings of the account's own meter that the provider goes on naming: they count for every model. */
  own: LimitSummary;
  /** Meters beside it that the provider goes on naming; empty for most accounts. */
  otherMeters: readonly string[];
  /** The readings that the provider goes on naming. */
  standing: readonly QuotaReading[];
  /** What the windows hold. */
  readings: readonly QuotaReading[];
  windows: HeldWindows;
  /** Of the newest credential known; 0 while none is. */
  epoch: number;
  inFlight: number;
}

/** No reading yet. */
const noLimits = summarizeLimits([], 0);

/** @example const held = holdNothing(account.id); */
export function holdNothing(accountId: string): HeldAccount {
  return {
    fingerprint: fingerprintOf(accountId),
    isWatched: false,
    isTroubled: false,
    isUsedUp: false,
    own: noLimits,
    otherMeters: [],
    counted: noLimits,
    countedFor: null,
    lastSuccessMs: 0,
    credits: null,
    coolingUntil: null,
    refusedUntil: null,
    standing: [],
    readings: [],
    windows: new Map(),
    epoch: 0,
    inFlight: 0,
  };
}

/** Takes new windows, and what follows from them. */
export function holdWindows(held: HeldAccount, windows: HeldWindows): void {
  const readings = [...windows.values()].map((window) => window.reading);
  const standing = readings.filter((reading) => !isFrozen(reading, readings));
  const isOwn = ({ meter }: QuotaReading): boolean => meter === accountMeter;
  held.windows = windows;
  held.readings = readings;
  held.standing = standing;
  held.own = summarizeLimits(standing.filter(isOwn), Number.NEGATIVE_INFINITY);
  held.otherMeters = [...new Set(standing.filter((each) => !isOwn(each)).map(({ meter }) => meter))];
  held.countedFor = null;
  held.isUsedUp = standing.some(({ usedPercent }) => usedPercent >= exhaustedPercent);
  watch(held);
}

/** To be called after every change of what {@link HeldAccount.isWatched} tells. */
export function watch(held: HeldAccount): void {
  held.isWatched = held.isUsedUp || held.coolingUntil !== null || held.refusedUntil !== null;
}

/** The readings that count for a model which these meters limit, beside the account's own. */
export function readingsFor(held: HeldAccount, meters: ReadonlySet<string>): readonly QuotaReading[] {
  if (!hasOneOf(held, meters)) return held.own.readings;
  return held.standing.filter(({ meter }) => meter === accountMeter || meters.has(meter));
}

/** What they come to now. */
export function limitsOf(
  held: HeldAccount,
  { meters, nowMs }: { meters: ReadonlySet<string>; nowMs: number },
): LimitSummary {
  if (held.countedFor !== meters) {
    const isOwn = !hasOneOf(held, meters);
    held.counted = isOwn ? (held.own = summaryAt(held.own, nowMs)) : summarizeLimits(readingsFor(held, meters), nowMs);
    held.countedFor = meters;
  }
  return (held.counted = summaryAt(held.counted, nowMs));
}

function hasOneOf({ otherMeters }: HeldAccount, meters: ReadonlySet<string>): boolean {
  for (const meter of otherMeters) if (meters.has(meter)) return true;
  return false;
}
