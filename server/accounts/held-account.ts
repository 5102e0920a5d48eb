/**
 * What the board holds of one account. Whatever a choice asks of a thousand accounts is worked out when it changes, or
 * once per model, not when it is asked.
 */
import { judgeLimits, type HeldCredits, type LimitVerdict } from './account-limits.ts';
import type { Limits } from './limited-models.ts';
import type { HeldWindows } from './merge-quota.ts';
import { accountMeter, exhaustedPercent, isFrozen, type QuotaReading } from './quota.ts';

/** What every choice reads stands first: it fits one line of the processor's cache. */
export interface HeldAccount {
  /** All that counts is of the account's own meter, so it counts for every model. */
  isOwn: boolean;
  /** The readings that the provider goes on naming. */
  standing: readonly QuotaReading[];
  /** Those of them that count for {@link HeldAccount.countedFor}, the model that was asked for last. */
  counted: readonly QuotaReading[] | null;
  countedFor: string | null;
  /** One of those standing is used up: only then is there anything to judge. */
  isUsedUp: boolean;
  /** What the windows hold. */
  readings: readonly QuotaReading[];
  windows: HeldWindows;
  credits: HeldCredits | null;
  coolingUntil: Date | null;
  /** Of the newest credential known; 0 while none is. */
  epoch: number;
  refusedUntil: Date | null;
  inFlight: number;
}

export function nothingKnown(): HeldAccount {
  return {
    isOwn: true,
    standing: [],
    counted: null,
    countedFor: null,
    isUsedUp: false,
    readings: [],
    windows: new Map(),
    credits: null,
    coolingUntil: null,
    epoch: 0,
    refusedUntil: null,
    inFlight: 0,
  };
}

/** Takes new windows, and what follows from them. */
export function holdWindows(held: HeldAccount, windows: HeldWindows): void {
  const readings = [...windows.values()].map((window) => window.reading);
  held.windows = windows;
  held.readings = readings;
  held.standing = readings.filter((reading) => !isFrozen(reading, readings));
  held.isOwn = held.standing.every(({ meter }) => meter === accountMeter);
  held.isUsedUp = held.standing.some(({ usedPercent }) => usedPercent >= exhaustedPercent);
  forgetCounted(held);
}

/** Something was learned of which models a meter limits. */
export function forgetCounted(held: HeldAccount): void {
  held.counted = null;
}

/** Its readings that count for a model. */
export function readingsFor(
  held: HeldAccount,
  { model, limits }: { model: string | null; limits: Limits },
): readonly QuotaReading[] {
  if (held.isOwn) return held.standing;
  if (held.counted === null || held.countedFor !== model) {
    held.counted = held.standing.filter(({ meter }) => limits(meter, model));
    held.countedFor = model;
  }
  return held.counted;
}

const nothingInTheWay: LimitVerdict = { until: null, isOnCredits: false };

/** What its limits say about a model now. */
export function verdictOn(
  held: HeldAccount,
  { model, now, limits }: { model: string | null; now: Date; limits: Limits },
): LimitVerdict {
  if (!held.isUsedUp) return nothingInTheWay;
  return judgeLimits(readingsFor(held, { model, limits }), { now, credits: held.credits });
}
