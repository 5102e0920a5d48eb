import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at } from '../../test/support/quota-readings.ts';
import { mergeReadings, type HeldWindows } from './merge-quota.ts';
import { blockedUntil, type QuotaReading } from './quota.ts';

/**
 * A weekly window as the provider really has it, in minutes, and the ways in which its surfaces were seen to speak of
 * it (gateway spec 5.6). What is held must follow the truth in spite of them.
 */
interface Truth {
  /** When it is used up. */
  readonly fullAt: number;
  readonly resetsAt: number;
  /** The provider starts a new cycle before the old one is over; null when it does not. */
  readonly restartsAt: number | null;
}

type Way = 'live' | 'drifting' | 'zero' | 'stale' | 'headers';

interface Step {
  readonly way: Way;
  readonly waitMinutes: number;
  readonly drift: number;
}

const weekMinutes = 10_080;
const endOf = ({ restartsAt, resetsAt }: Truth) => restartsAt ?? resetsAt;

/** What the provider would say at this minute if it told the truth. */
function truly({ minute, truth }: { minute: number; truth: Truth }): { usedPercent: number; resetsAt: number } {
  const end = endOf(truth);
  // Nobody uses the new cycle yet, so its reset slides.
  if (minute >= end) return { usedPercent: 0, resetsAt: minute + weekMinutes };
  return { usedPercent: minute >= truth.fullAt ? 100 : (minute / truth.fullAt) * 90, resetsAt: truth.resetsAt };
}

function reported({ minute, truth, step }: { minute: number; truth: Truth; step: Step }): QuotaReading {
  const { usedPercent, resetsAt } = truly({ minute, truth });
  const base = { meter: 'codex', windowMinutes: weekMinutes, observedAt: at(minute), source: 'usage_api' } as const;
  const said = { usedPercent, resetAt: at(resetsAt), statedAt: at(minute) };
  switch (step.way) {
    case 'live':
      return { ...base, ...said };
    case 'headers':
      return { ...base, ...said, source: 'response_headers' };
    case 'drifting':
      return { ...base, ...said, resetAt: at(resetsAt + step.drift) };
    case 'zero':
      // One of those that appear for a moment and are gone.
      return { ...base, usedPercent: 0, resetAt: at(minute + weekMinutes), statedAt: at(minute) };
    case 'stale':
      // A document of the beginning, from a cache.
      return { ...base, usedPercent: 1, resetAt: at(truth.resetsAt), statedAt: at(1) };
  }
}

const truths = fc
  .record({
    fullAt: fc.integer({ min: 10, max: 300 }),
    length: fc.integer({ min: 400, max: 3_000 }),
    early: fc.boolean(),
  })
  .map(({ fullAt, length, early }): Truth => {
    const resetsAt = fullAt + length;
    return { fullAt, resetsAt, restartsAt: early ? fullAt + Math.floor(length / 2) : null };
  });

const step = fc.record({
  way: fc.constantFrom<Way>('live', 'live', 'headers', 'drifting', 'stale'),
  waitMinutes: fc.integer({ min: 1, max: 40 }),
  drift: fc.integer({ min: -2, max: 2 }),
});

/** Zeros come alone: a live report is between any two. */
const steps = fc.array(fc.tuple(step, fc.boolean()), { minLength: 20, maxLength: 120 }).map((list) =>
  list.flatMap(([one, isZeroNext]): Step[] =>
    isZeroNext
      ? [
          { ...one, way: 'live' },
          { ...one, way: 'zero' },
        ]
      : [one],
  ),
);

/** Plays the steps and shows what is held after each. */
function play(
  { truth, list }: { truth: Truth; list: readonly Step[] },
  see: (seen: { minute: number; isBlocked: boolean; hasSeenFull: boolean; sinceEnd: readonly Step[] }) => void,
): void {
  let windows: HeldWindows = new Map();
  let minute = 0;
  let hasSeenFull = false;
  const sinceEnd: Step[] = [];
  for (const one of list) {
    minute += one.waitMinutes;
    const reading = reported({ minute, truth, step: one });
    windows = mergeReadings(windows, [reading]);
    const isOver = minute >= endOf(truth);
    if (isOver) sinceEnd.push(one);
    if (!isOver && reading.usedPercent === 100) hasSeenFull = true;
    const isBlocked = [...windows.values()].some((held) => blockedUntil(held.reading, at(minute)) !== null);
    see({ minute, isBlocked, hasSeenFull, sinceEnd });
  }
}

describe('whatever the provider repeats, drifts, slides and zeroes', () => {
  it('a window that was seen used up stays so until its cycle ends', () => {
    fc.assert(
      fc.property(truths, steps, (truth, list) => {
        play({ truth, list }, ({ minute, isBlocked, hasSeenFull }) => {
          if (hasSeenFull && minute < endOf(truth)) expect(isBlocked).toBe(true);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('such a window is free again at its reset, whether or not anything was read', () => {
    fc.assert(
      fc.property(truths, steps, (truth, list) => {
        play({ truth, list }, ({ minute, isBlocked }) => {
          if (minute >= truth.resetsAt + 2) expect(isBlocked).toBe(false);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('a cycle that the provider restarts early is believed with the second live report', () => {
    fc.assert(
      fc.property(truths, steps, fc.integer({ min: 3, max: 40 }), (truth, list, waitMinutes) => {
        fc.pre(truth.restartsAt !== null);
        const live: Step = { way: 'live', waitMinutes, drift: 0 };
        const long = Math.ceil((truth.restartsAt ?? 0) / 40) + 1;
        const before = list.filter(({ way }) => way !== 'stale' && way !== 'zero');
        const whole = [...before, ...Array.from({ length: long }, () => ({ ...live, waitMinutes: 40 })), live, live];
        play({ truth, list: whole }, ({ minute, isBlocked, sinceEnd }) => {
          if (minute >= endOf(truth) && sinceEnd.length > 2) expect(isBlocked).toBe(false);
        });
      }),
    );
  });
});
