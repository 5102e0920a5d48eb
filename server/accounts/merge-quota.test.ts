import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyReading, at, held, reading } from '../../test/support/quota-readings.ts';
import { mergeReadings, mergeWindow, withoutFuture } from './merge-quota.ts';
import { blockedUntil, isExpired, windowKey } from './quota.ts';

describe('merging a reading', () => {
  it('takes higher use at once', () => {
    const next = mergeWindow(held(), reading({ usedPercent: 100, observedAt: at(1) }));
    expect(next.reading.usedPercent).toBe(100);
  });

  it('keeps the later reset when resets of one cycle drift', () => {
    const next = mergeWindow(held(), reading({ usedPercent: 41, observedAt: at(1), resetAt: at(118) }));
    expect(next.reading.resetAt).toEqual(at(120));
  });

  it('ignores a reading older than the held one', () => {
    const exhausted = held({ usedPercent: 100, observedAt: at(10) });
    expect(mergeWindow(exhausted, reading({ usedPercent: 0, observedAt: at(9) }))).toBe(exhausted);
  });

  it('takes anything after the cycle has ended', () => {
    const next = mergeWindow(
      held({ usedPercent: 100 }),
      reading({ usedPercent: 0, observedAt: at(121), resetAt: at(420) }),
    );
    expect(next).toEqual({
      reading: reading({ usedPercent: 0, observedAt: at(121), resetAt: at(420) }),
      doubtful: null,
    });
  });

  it('ignores a stale document whose reset has passed', () => {
    const next = mergeWindow(
      held({ usedPercent: 100 }),
      reading({ usedPercent: 0, observedAt: at(5), resetAt: at(4) }),
    );
    expect(next.reading.usedPercent).toBe(100);
  });

  it('believes a fall inside a cycle only when a second reading minutes later agrees', () => {
    const exhausted = held({ usedPercent: 100 });
    const once = mergeWindow(exhausted, reading({ usedPercent: 0, observedAt: at(1) }));
    expect(once.reading.usedPercent).toBe(100);
    const tooSoon = mergeWindow(once, reading({ usedPercent: 0, observedAt: at(2) }));
    expect(tooSoon.reading.usedPercent).toBe(100);
    const confirmed = mergeWindow(tooSoon, reading({ usedPercent: 1, observedAt: at(3) }));
    expect(confirmed.reading.usedPercent).toBe(1);
  });

  it('believes a fall at once when an answer to work agrees with the usage endpoint', () => {
    const once = mergeWindow(held({ usedPercent: 100 }), reading({ usedPercent: 3, observedAt: at(1) }));
    const next = mergeWindow(once, reading({ usedPercent: 4, observedAt: at(1.1), source: 'response_headers' }));
    expect(next.reading.usedPercent).toBe(4);
  });

  it('does not let two readings that disagree vouch for each other', () => {
    const once = mergeWindow(held({ usedPercent: 100 }), reading({ usedPercent: 0, observedAt: at(1) }));
    const next = mergeWindow(once, reading({ usedPercent: 60, observedAt: at(9) }));
    expect(next.reading.usedPercent).toBe(100);
  });

  it('does not take a cached answer that repeats itself for a second witness', () => {
    const stale = { usedPercent: 0, resetAt: at(121), statedAt: at(1) };
    const once = mergeWindow(held({ usedPercent: 100 }), reading({ ...stale, observedAt: at(1) }));
    const replayed = mergeWindow(once, reading({ ...stale, observedAt: at(9) }));
    expect(replayed.reading.usedPercent).toBe(100);
    const live = mergeWindow(replayed, reading({ ...stale, observedAt: at(10), statedAt: at(10) }));
    expect(live.reading.usedPercent).toBe(0);
  });

  it('refreshes what it holds with a reading that it does not believe', () => {
    const doubted = mergeWindow(held({ usedPercent: 100 }), reading({ usedPercent: 0, observedAt: at(30) }));
    expect(doubted.reading).toMatchObject({ usedPercent: 100, observedAt: at(30) });
  });

  it('believes that a cycle ends hours earlier only when two readings say so', () => {
    const full = held({ usedPercent: 100, resetAt: at(5_000) });
    const once = mergeWindow(full, reading({ usedPercent: 100, observedAt: at(1), resetAt: at(90) }));
    expect(once.reading.resetAt).toEqual(at(5_000));
    const twice = mergeWindow(once, reading({ usedPercent: 100, observedAt: at(4), resetAt: at(90) }));
    expect(twice.reading.resetAt).toEqual(at(90));
  });

  it.each(['error_body', 'response_headers', 'stream_event'] as const)(
    'believes it at once from an answer to work (%s), which knows when its limit ends',
    (source) => {
      const answered = reading({ usedPercent: 100, observedAt: at(1), resetAt: at(90), source });
      expect(mergeWindow(held({ usedPercent: 40, resetAt: at(5_000) }), answered).reading).toEqual(answered);
    },
  );

  it('agrees with a window whose reset slides along because nobody used it yet', () => {
    const once = mergeWindow(
      held({ usedPercent: 100 }),
      reading({ usedPercent: 0, observedAt: at(1), resetAt: at(301) }),
    );
    const next = mergeWindow(once, reading({ usedPercent: 0, observedAt: at(31), resetAt: at(331) }));
    expect(next.reading.usedPercent).toBe(0);
  });
});

describe('a refusal that names no window length', () => {
  const refusal = reading({ windowMinutes: 0, usedPercent: 100, source: 'error_body', observedAt: at(2) });

  it('is taken for the window with the same reset', () => {
    const before = mergeReadings(new Map(), [reading(), reading({ windowMinutes: 10_080, resetAt: at(5000) })]);
    const after = mergeReadings(before, [{ ...refusal, resetAt: at(119) }]);
    expect([...after.keys()]).toEqual(['codex/300', 'codex/10080']);
    expect(after.get('codex/300')?.reading.usedPercent).toBe(100);
  });

  it('stands by itself when no window has that reset', () => {
    const after = mergeReadings(new Map(), [refusal]);
    expect(after.get('codex/0')?.reading.usedPercent).toBe(100);
  });

  it('falls when two complete readings find no window used up', () => {
    const before = mergeReadings(new Map(), [refusal]);
    const once = mergeReadings(before, [reading({ observedAt: at(3), resetAt: at(200) })]);
    expect(once.get('codex/0')?.reading.usedPercent).toBe(100);
    const twice = mergeReadings(once, [reading({ observedAt: at(6), resetAt: at(200) })]);
    expect(twice.get('codex/0')?.reading.usedPercent).toBe(40);
  });
});

describe('whatever readings come in whatever order', () => {
  it('an unexpired exhausted window is never revived by older readings', () => {
    fc.assert(
      fc.property(anyReading, fc.array(anyReading, { maxLength: 12 }), (exhausted, others) => {
        const before = mergeReadings(new Map(), [{ ...exhausted, usedPercent: 100 }]);
        const older = others.filter((other) => other.observedAt < exhausted.observedAt);
        const after = older.reduce((windows, other) => mergeReadings(windows, [other]), before);
        expect(after.get(windowKey(exhausted))).toEqual(before.get(windowKey(exhausted)));
      }),
    );
  });

  it('one reading alone never revives an unexpired exhausted window', () => {
    fc.assert(
      fc.property(anyReading, anyReading, (first, second) => {
        const exhausted = { ...first, usedPercent: 100 };
        fc.pre(!isExpired(exhausted, second.observedAt));
        const after = mergeWindow({ reading: exhausted, doubtful: null }, second);
        expect(after.reading.usedPercent).toBe(100);
      }),
    );
  });

  it('an expired window never blocks', () => {
    fc.assert(
      fc.property(anyReading, fc.integer({ min: 0, max: 1000 }), (any, later) => {
        const now = at(later);
        if (isExpired(any, now)) expect(blockedUntil(any, now)).toBeNull();
        else expect(blockedUntil(any, now) !== null).toBe(any.usedPercent === 100);
      }),
    );
  });

  it('the time of the newest reading never goes back', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 12 }), (readings) => {
        let windows = mergeReadings(new Map(), []);
        for (const one of readings) {
          const next = mergeReadings(windows, [one]);
          for (const [key, { reading: before }] of windows) {
            expect(next.get(key)!.reading.observedAt.getTime()).toBeGreaterThanOrEqual(before.observedAt.getTime());
          }
          windows = next;
        }
      }),
    );
  });
});

describe('a clock that was set back', () => {
  it('does not keep new readings out: what was read in its future counts as read now', () => {
    const before = mergeReadings(new Map(), [reading({ usedPercent: 10, observedAt: at(60) })]);
    const now = at(20);
    const after = mergeReadings(withoutFuture(before, now), [reading({ usedPercent: 80, observedAt: now })]);
    expect(after.get('codex/300')?.reading.usedPercent).toBe(80);
  });

  it('by less than clocks differ changes nothing', () => {
    const before = mergeReadings(new Map(), [reading({ observedAt: at(5) })]);
    expect(withoutFuture(before, at(0))).toBe(before);
  });
});
