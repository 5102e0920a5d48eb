import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quotaReading, testNow } from '../../test/support/account-facts.ts';
import { summarizeLimits, summaryAt } from './limit-summary.ts';

const hour = 3_600_000;
const start = testNow.getTime();

const readings = fc.array(
  fc
    .record({
      windowMinutes: fc.constantFrom(0, 300, 10_080, 43_200),
      usedPercent: fc.integer({ min: 0, max: 100 }),
      resetsInMs: fc.option(fc.integer({ min: -3, max: 3 }).map((hours) => hours * hour)),
    })
    .map(({ windowMinutes, ...rest }) => quotaReading(windowMinutes, rest)),
  { maxLength: 5 },
);
const moment = fc.integer({ min: -4 * 60, max: 4 * 60 }).map((minutes) => start + minutes * 60_000);

describe('what readings come to', () => {
  it('is told of the windows that run, by what is left in the worst and by when the first resets', () => {
    const given = [
      quotaReading(300, { usedPercent: 40, resetsInMs: hour }),
      quotaReading(10_080, { usedPercent: 70, resetsInMs: 50 * hour }),
      quotaReading(43_200, { usedPercent: 10, resetsInMs: 40 * hour }),
      quotaReading(60, { usedPercent: 100, resetsInMs: 0 }),
    ];
    expect(summarizeLimits(given, start)).toEqual({
      leastLeftPercent: 30,
      lastingResetMs: start + 40 * hour,
      briefResetMs: start + hour,
      sinceMs: start,
      untilMs: start + hour,
      readings: given,
    });
  });

  it('stays as it is until a cycle ends, and is another from then on', () => {
    fc.assert(
      fc.property(readings, fc.array(moment, { minLength: 1 }), (given, moments) => {
        let summary = summarizeLimits(given, Number.NEGATIVE_INFINITY);
        for (const nowMs of moments) {
          const before = summary;
          summary = summaryAt(before, nowMs);
          expect(summary).toEqual(summarizeLimits(given, nowMs));
          if (before.sinceMs <= nowMs && nowMs < before.untilMs) expect(summary).toBe(before);
        }
      }),
    );
  });
});
