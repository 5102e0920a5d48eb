/**
 * Provider limits as readings: what a window is, when it stops an account, and how a new reading changes what we held.
 * Pure. The merge is the reduced rule of the gateway spec (5.6): the newest reading wins, the higher use wins inside
 * one cycle, and a fall inside an unexpired cycle must be seen twice.
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
}

/** What is held of one window: the reading that counts, and a lower one that still waits for a second witness. */
export interface HeldWindow {
  readonly reading: QuotaReading;
  readonly lower: QuotaReading | null;
}

/** The windows of one account by `windowKey`. */
export type HeldWindows = ReadonlyMap<string, HeldWindow>;

/** The meter that limits every model of an account. */
export const accountMeter = 'codex';

/** A window with this use serves nothing more. */
export const exhaustedPercent = 100;

/**
 * How long "used up" without a reset time holds. Short, because the worse mistake is an account that stays out for
 * ever; one refused call after it renews the reading.
 */
const unknownResetHoldMs = 5 * 60_000;

/** Reset times of one cycle drift by seconds to minutes between the provider's surfaces (gateway spec 5.6). */
const sameResetMs = 5 * 60_000;

/** Two readings of a fall count as two only this far apart: cached answers repeat themselves for about as long. */
const secondWitnessMs = 2 * 60_000;

/** A second witness may show this much more use than the first: work goes on between them. */
const agreeingPercent = 10;

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
 * What an account's windows are after readings that were taken together (one answer, one event, one usage document).
 * Windows that the readings do not name stay as they are. Returns the same map when nothing changed.
 */
export function mergeReadings(held: HeldWindows, readings: readonly QuotaReading[]): HeldWindows {
  const merged = new Map(held);
  for (const reading of readings) {
    const target = withLength(merged, reading);
    merged.set(windowKey(target), mergeWindow(merged.get(windowKey(target)), target));
  }
  for (const meter of new Set(readings.map((reading) => reading.meter)))
    questionUnnamedWindow(merged, { meter, readings });
  const isSame = merged.size === held.size && [...merged].every(([key, window]) => held.get(key) === window);
  return isSame ? held : merged;
}

/** What is held of one window after one more reading of it. */
export function mergeWindow(held: HeldWindow | undefined, incoming: QuotaReading): HeldWindow {
  if (held === undefined) return { reading: incoming, lower: null };
  const current = held.reading;
  if (incoming.observedAt.getTime() < current.observedAt.getTime()) return held;
  if (isExpired(current, incoming.observedAt)) return { reading: incoming, lower: null };
  // A reset in the past marks a stale document (wire spec B9); it must not replace a living cycle.
  if (isExpired(incoming, incoming.observedAt)) return held;
  if (incoming.usedPercent >= current.usedPercent) {
    return { reading: { ...incoming, resetAt: resetOfHigher(current, incoming) }, lower: null };
  }
  if (held.lower !== null && isSecondWitness(held.lower, incoming)) return { reading: incoming, lower: null };
  return {
    // Held back, but it shows that the cycle is alive. Without a reset time, `observedAt` is where the hold began.
    reading: current.resetAt === null ? current : { ...current, observedAt: incoming.observedAt },
    lower: held.lower !== null && agree(held.lower, incoming) ? held.lower : incoming,
  };
}

/**
 * Is `second` independent proof of what `first` said? It must agree and come later, or agree and come with an answer
 * to work itself (headers, a stream event), which no cache in front of the usage endpoint can fake.
 */
function isSecondWitness(first: QuotaReading, second: QuotaReading): boolean {
  if (!agree(first, second)) return false;
  const apart = second.observedAt.getTime() - first.observedAt.getTime();
  return apart >= secondWitnessMs || (first.source !== second.source && isFromWork(second));
}

function agree(first: QuotaReading, second: QuotaReading): boolean {
  const rise = second.usedPercent - first.usedPercent;
  if (rise < -agreeingPercent || rise > agreeingPercent) return false;
  if (first.resetAt === null || second.resetAt === null) return first.resetAt === second.resetAt;
  const moved = second.resetAt.getTime() - first.resetAt.getTime();
  const elapsed = second.observedAt.getTime() - first.observedAt.getTime();
  // A window nobody used yet slides: its reset moves on as fast as time does (gateway spec 5.6).
  return Math.abs(moved) <= sameResetMs || Math.abs(moved - elapsed) <= sameResetMs;
}

function isFromWork(reading: QuotaReading): boolean {
  return reading.source === 'response_headers' || reading.source === 'stream_event';
}

/** Use rose or stayed: the newer reset counts, unless it says nothing or differs only by drift. */
function resetOfHigher(current: QuotaReading, incoming: QuotaReading): Date | null {
  if (incoming.resetAt === null) return current.resetAt;
  if (current.resetAt === null) return incoming.resetAt;
  const moved = incoming.resetAt.getTime() - current.resetAt.getTime();
  return moved < 0 && moved >= -sameResetMs ? current.resetAt : incoming.resetAt;
}

/**
 * An error answer says "used up until then" without the window's length; the window of the same meter with that reset
 * is the one it means.
 */
function withLength(held: HeldWindows, reading: QuotaReading): QuotaReading {
  if (reading.windowMinutes !== 0 || reading.resetAt === null) return reading;
  for (const { reading: known } of held.values()) {
    if (known.meter !== reading.meter || known.windowMinutes === 0 || known.resetAt === null) continue;
    if (Math.abs(known.resetAt.getTime() - reading.resetAt.getTime()) > sameResetMs) continue;
    return { ...reading, windowMinutes: known.windowMinutes, resetAt: known.resetAt };
  }
  return reading;
}

/**
 * A "used up" of unsaid length has no window that could ever show a lower number. Readings that name every other
 * window of the meter and find none used up speak against it; twice so, it falls.
 */
function questionUnnamedWindow(
  merged: Map<string, HeldWindow>,
  { meter, readings }: { meter: string; readings: readonly QuotaReading[] },
): void {
  const key = windowKey({ meter, windowMinutes: 0 });
  const unnamed = merged.get(key);
  const named = readings.filter((reading) => reading.meter === meter && reading.windowMinutes !== 0);
  if (unnamed === undefined || named.length === 0) return;
  if (readings.some((reading) => reading.meter === meter && reading.windowMinutes === 0)) return;
  const fullest = named.toSorted((a, b) => b.usedPercent - a.usedPercent)[0]!;
  if (fullest.usedPercent >= exhaustedPercent) return;
  merged.set(key, mergeWindow(unnamed, { ...fullest, windowMinutes: 0, resetAt: unnamed.reading.resetAt }));
}

function endOfHold(reading: QuotaReading): Date {
  return reading.resetAt ?? new Date(reading.observedAt.getTime() + unknownResetHoldMs);
}
