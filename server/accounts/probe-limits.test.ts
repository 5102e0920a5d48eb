import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProbeDue } from './probe-limits.ts';

const minute = 60_000;
const now = new Date('2026-11-22T12:00:00Z');
const ago = (ms: number) => new Date(now.getTime() - ms);

describe('an account is asked about its limits', () => {
  it('at once when it never was, and when the clock was set back since', () => {
    expect(isProbeDue({ askedAt: null, failures: 0, trafficAt: null }, now)).toBe(true);
    expect(isProbeDue({ askedAt: ago(-10 * minute), failures: 0, trafficAt: null }, now)).toBe(true);
  });

  it('every five minutes while nobody uses it, every minute while somebody does', () => {
    const dueAfter = (trafficAt: Date | null) =>
      [1, 2, 4, 5].filter((minutes) => isProbeDue({ askedAt: ago(minutes * minute), failures: 0, trafficAt }, now))[0];
    expect(dueAfter(null)).toBe(5);
    expect(dueAfter(ago(5 * minute))).toBe(5);
    expect(dueAfter(ago(4 * minute))).toBe(1);
  });

  it('less and less often while that fails, up to every half hour', () => {
    const dueAfter = (failures: number) =>
      [1, 2, 4, 8, 16, 29, 30].find((minutes) =>
        isProbeDue({ askedAt: ago(minutes * minute), failures, trafficAt: ago(1) }, now),
      );
    expect([1, 2, 3, 4, 5, 6, 100].map(dueAfter)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it('never later than half an hour after the last time, whatever happened', () => {
    const facts = fc.record({
      askedAt: fc.date({ min: ago(1e10), max: ago(30 * minute), noInvalidDate: true }),
      failures: fc.nat(1000),
      trafficAt: fc.option(fc.date({ noInvalidDate: true })),
    });
    fc.assert(fc.property(facts, (each) => isProbeDue(each, now)));
  });
});
