/**
 * How a new reading of a limit changes what was held. Pure; the reduced rule of gateway spec 5.6. The newest reading
 * wins and the higher use wins inside one cycle. What the provider is known to say wrongly now and then must be seen
 * twice: a fall, and a reset that moves to much earlier, inside a cycle that has not ended.
 */
import { exhaustedPercent, futureMs, isExpired, windowKey, type QuotaReading } from './quota.ts';

/** What is held of one window: the reading that counts, and one that still waits for a second witness. */
export interface HeldWindow {
  readonly reading: QuotaReading;
  readonly doubtful: QuotaReading | null;
  /** A reset was spent: between these instants a fall needs no second witness. */
  readonly expectsFall?: { readonly since: Date; readonly until: Date };
}

/** The windows of one account by `windowKey`. */
export type HeldWindows = ReadonlyMap<string, HeldWindow>;

/** Reset times of one cycle drift by seconds to minutes between the provider's surfaces (gateway spec 5.6). */
const sameResetMs = 5 * 60_000;

/** A reset that moves to earlier by more than this is another cycle, or an old document. */
const earlierResetMs = 60 * 60_000;

/** Two readings count as two witnesses only this far apart: cached answers repeat themselves for about as long. */
const secondWitnessMs = 2 * 60_000;

/** The provider's own clock must have moved on by this between two witnesses; a replay repeats it to the second. */
const restatedMs = 60_000;

/** A second witness may show this much more use than the first: work goes on between them. */
const agreeingPercent = 10;

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
  return isSame(held, merged) ? held : merged;
}

/** The same windows for a clock that was set back: a reading from the future counts as taken now, or none could follow. */
export function withoutFuture(held: HeldWindows, now: Date): HeldWindows {
  const latestMs = now.getTime() + futureMs;
  const early = (reading: QuotaReading): QuotaReading =>
    reading.observedAt.getTime() > latestMs ? { ...reading, observedAt: now } : reading;
  const next = new Map(
    [...held].map(([key, window]): [string, HeldWindow] => {
      const reading = early(window.reading);
      return [key, reading === window.reading ? window : { ...window, reading, doubtful: null }];
    }),
  );
  return isSame(held, next) ? held : next;
}

/** What is held of one window after one more reading of it. */
export function mergeWindow(held: HeldWindow | undefined, incoming: QuotaReading): HeldWindow {
  if (held === undefined) return { reading: incoming, doubtful: null };
  const current = held.reading;
  if (incoming.observedAt.getTime() < current.observedAt.getTime()) return held;
  if (isExpired(current, incoming.observedAt)) return { reading: incoming, doubtful: null };
  // A reset in the past marks a stale document (wire spec B9); it must not replace a living cycle.
  if (isExpired(incoming, incoming.observedAt)) return held;
  const isFall = incoming.usedPercent < current.usedPercent;
  if (!isFall && !isReanchored(current, incoming)) {
    const reading = { ...incoming, resetAt: resetOfHigher(current, incoming) };
    return { reading, doubtful: null, ...(held.expectsFall && { expectsFall: held.expectsFall }) };
  }
  const { doubtful, expectsFall } = held;
  if (isFall && isExpected(incoming, expectsFall)) return { reading: incoming, doubtful: null };
  if (doubtful !== null && isSecondWitness(doubtful, incoming)) return { reading: incoming, doubtful: null };
  const usedPercent = Math.max(current.usedPercent, incoming.usedPercent);
  return {
    // Held back, but it shows that the cycle is alive. Without a reset time, `observedAt` is where the hold began.
    reading: current.resetAt === null ? current : { ...current, usedPercent, observedAt: incoming.observedAt },
    doubtful: doubtful !== null && agree(doubtful, incoming) ? doubtful : incoming,
    ...(expectsFall && { expectsFall }),
  };
}

/** The same windows after a reset was spent: the next reading that was written since may show them emptied. */
export function expectFall(held: HeldWindows, { since, until }: { since: Date; until: Date }): HeldWindows {
  return new Map([...held].map(([key, window]) => [key, { ...window, expectsFall: { since, until } }]));
}

function isExpected(incoming: QuotaReading, expected: HeldWindow['expectsFall']): boolean {
  if (!expected || incoming.observedAt < expected.since || incoming.observedAt > expected.until) return false;
  // A document written before, from a cache; the provider's seconds are whole and its clock is another.
  return !incoming.statedAt || incoming.statedAt.getTime() >= expected.since.getTime() - restatedMs;
}

function isSame(held: HeldWindows, next: HeldWindows): boolean {
  return next.size === held.size && [...next].every(([key, window]) => held.get(key) === window);
}

/**
 * Use did not fall, but the cycle shall end much sooner. An answer to work knows; the usage endpoint may show an old
 * document.
 */
function isReanchored(current: QuotaReading, incoming: QuotaReading): boolean {
  if (current.resetAt === null || incoming.resetAt === null || incoming.source !== 'usage_api') return false;
  return current.resetAt.getTime() - incoming.resetAt.getTime() > earlierResetMs;
}

/**
 * Is `second` independent proof of what `first` said? It must agree and come later by both clocks, or agree and come
 * with an answer to work itself (headers, a stream event), which no cache in front of the usage endpoint can fake.
 */
function isSecondWitness(first: QuotaReading, second: QuotaReading): boolean {
  if (!agree(first, second)) return false;
  if (first.source !== second.source && isFromWork(second)) return true;
  return second.observedAt.getTime() - first.observedAt.getTime() >= secondWitnessMs && !isReplay(first, second);
}

function isReplay(first: QuotaReading, second: QuotaReading): boolean {
  if (!first.statedAt || !second.statedAt) return false;
  return second.statedAt.getTime() - first.statedAt.getTime() < restatedMs;
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
