import { describe, expect, it } from 'vitest';
import { at, reading } from '../../test/support/quota-readings.ts';
import { blockedUntil, canPay, freshnessOf, isFrozen } from './quota.ts';

describe('when a window stops an account', () => {
  it('blocks until its reset when it is used up', () => {
    expect(blockedUntil(reading({ usedPercent: 100 }), at(1))).toEqual(at(120));
  });

  it('blocks no longer once the reset has passed, without any new reading', () => {
    expect(blockedUntil(reading({ usedPercent: 100 }), at(120))).toBeNull();
  });

  it('blocks for minutes only when nobody said until when', () => {
    const unknown = reading({ usedPercent: 100, resetAt: null });
    expect(blockedUntil(unknown, at(4))).toEqual(at(5));
    expect(blockedUntil(unknown, at(5))).toBeNull();
  });

  it('does not block below 100 percent', () => {
    expect(blockedUntil(reading({ usedPercent: 99.9 }), at(1))).toBeNull();
  });
});

describe('what a reading is worth', () => {
  it.each([
    ['taken just now', 0, 'fresh'],
    ['of a quarter of an hour ago', 15, 'fresh'],
    ['older than that', 15.1, 'stale'],
    ['from a little ahead of the clock', -5, 'fresh'],
    ['from further ahead, by a clock that was wrong', -5.1, 'stale'],
    ['whose cycle has ended, however new it is', 120, 'expired'],
  ] as const)('%s', (_, minutesLater, worth) => {
    expect(freshnessOf(reading(), at(minutesLater))).toBe(worth);
  });
});

describe('a window that the provider no longer names', () => {
  const fiveHours = reading({ usedPercent: 100 });
  const weekly = (observedMinutes: number) => reading({ windowMinutes: 10_080, observedAt: at(observedMinutes) });

  it('counts until its siblings were named for a quarter of an hour without it', () => {
    expect(isFrozen(fiveHours, [fiveHours, weekly(14.9)])).toBe(false);
    expect(isFrozen(fiveHours, [fiveHours, weekly(15)])).toBe(true);
  });

  it('is not left behind by windows of another meter, nor by its own newer self', () => {
    const spark = reading({ meter: 'codex_spark', windowMinutes: 10_080, observedAt: at(60) });
    expect(isFrozen(fiveHours, [fiveHours, spark])).toBe(false);
    expect(isFrozen(fiveHours, [reading({ observedAt: at(60) })])).toBe(false);
  });
});

describe('credits pay', () => {
  it.each([
    ['with a balance', { hasCredits: true, unlimited: false, balance: '41.50' }, true],
    ['without end', { hasCredits: false, unlimited: true, balance: null }, true],
    ['when there are some and nobody says how many', { hasCredits: true, unlimited: false, balance: null }, true],
  ] as const)('%s', (_, credits, pays) => expect(canPay(credits)).toBe(pays));

  it.each([
    ['with an empty balance', { hasCredits: true, unlimited: false, balance: '0' }],
    ['when there are none', { hasCredits: false, unlimited: false, balance: '5' }],
    ['with a balance that is no number', { hasCredits: true, unlimited: false, balance: 'plenty' }],
  ] as const)('not %s', (_, credits) => expect(canPay(credits)).toBe(false));
});
