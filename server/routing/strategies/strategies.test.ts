import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountFacts, emptyScene, limitsKnown, quotaReading, testNow } from '../../../test/support/account-facts.ts';
import type { QuotaReading } from '../../accounts/quota.ts';
import type { StrategyName } from '../../contract/vocabulary.ts';
import { orderCandidates } from '../order-candidates.ts';

const hour = 3_600_000;
const day = 24 * hour;
const ids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });

interface Known {
  readonly quota?: Readonly<Record<string, readonly QuotaReading[]>>;
  readonly successes?: Readonly<Record<string, Date>>;
  readonly ages?: Readonly<Record<string, number>>;
  readonly floorPercent?: number;
  readonly prefers?: string;
  readonly demoted?: ReadonlySet<string>;
  readonly seed?: string;
}

/** Ids in the order of a strategy. Ages are in milliseconds. */
function order(strategy: StrategyName, accounts: readonly string[], known: Known = {}): string[] {
  const list = accounts.map((id) =>
    accountFacts(id, { createdAt: new Date(testNow.getTime() - (known.ages?.[id] ?? 0)) }),
  );
  return orderCandidates(list, {
    ...emptyScene,
    strategy,
    seed: known.seed ?? 's',
    now: testNow,
    ...limitsKnown((id) => known.quota?.[id] ?? []),
    lastSuccessMs: ({ id }) => known.successes?.[id]?.getTime() ?? 0,
    floorPercent: known.floorPercent ?? 0,
    prefers: known.prefers ?? null,
    isOnCredits: () => false,
    demoted: known.demoted ?? new Set(),
    limit: accounts.length,
  }).map(({ account }) => account.id);
}

describe('deterministic rotation', () => {
  it('turns the list of accounts, oldest first, and begins elsewhere for other conversations', () => {
    const ages = { oldest: 4, older: 3, younger: 2, youngest: 1 };
    const accounts = ['younger', 'oldest', 'youngest', 'older'];
    const seen = new Set<string>();
    for (let thread = 0; thread < 100; thread += 1) {
      const turned = order('deterministic_rotation', accounts, { ages, seed: `thread-${thread}` });
      const start = turned.indexOf('oldest');
      expect([...turned.slice(start), ...turned.slice(0, start)]).toEqual(['oldest', 'older', 'younger', 'youngest']);
      seen.add(turned[0]!);
    }
    expect(seen.size).toBe(4);
  });
});

describe('least recent success', () => {
  it('puts accounts that never served first, then those that rested longest', () => {
    const at = (ms: number) => new Date(testNow.getTime() - ms);
    const successes = { recent: at(1), long: at(hour), longest: at(day) };
    const turned = order('least_recent_success', ['recent', 'never', 'longest', 'long'], { successes });
    expect(turned).toEqual(['never', 'longest', 'long', 'recent']);
  });

  it('orders equals by rendezvous', () => {
    fc.assert(
      fc.property(ids, fc.string(), fc.boolean(), (accounts, seed, served) => {
        const successes = served ? Object.fromEntries(accounts.map((id) => [id, testNow])) : {};
        const expected = order('bridge_ring', accounts, { seed });
        expect(order('least_recent_success', accounts, { successes, seed })).toEqual(expected);
      }),
    );
  });
});

describe('quota first', () => {
  it('compares accounts by what is left in their worst window', () => {
    const quota = {
      even: [quotaReading(300, { usedPercent: 60 }), quotaReading(10_080, { usedPercent: 60 })],
      lopsided: [quotaReading(300, { usedPercent: 0 }), quotaReading(10_080, { usedPercent: 90 })],
      full: [quotaReading(10_080, { usedPercent: 1 })],
    };
    expect(order('quota_first', ['lopsided', 'even', 'full'], { quota })).toEqual(['full', 'even', 'lopsided']);
  });

  it('scores an account by its minimum, however many windows it has and in whatever order', () => {
    const percents = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(percents, percents, (left, right) => {
        fc.pre(Math.max(...left) !== Math.max(...right));
        const quota = {
          left: left.map((usedPercent, index) => quotaReading(index + 1, { usedPercent, resetsInMs: hour })),
          right: right.map((usedPercent, index) => quotaReading(index + 1, { usedPercent, resetsInMs: hour })),
        };
        const roomier = Math.max(...left) < Math.max(...right) ? 'left' : 'right';
        expect(order('quota_first', ['left', 'right'], { quota })[0]).toBe(roomier);
      }),
    );
  });

  it('counts a window that is used up as nothing left, and nothing known the same', () => {
    const quota = {
      used: [quotaReading(300, { usedPercent: 0 }), quotaReading(10_080, { usedPercent: 100 })],
      nearly: [quotaReading(10_080, { usedPercent: 99 })],
    };
    const turned = order('quota_first', ['unknown', 'used', 'nearly'], { quota });
    expect(turned[0]).toBe('nearly');
    expect(turned.slice(1)).toEqual(order('bridge_ring', ['unknown', 'used']));
  });

  it('takes a window whose cycle has ended for a full one', () => {
    const quota = {
      ended: [quotaReading(10_080, { usedPercent: 100, resetsInMs: 0 })],
      half: [quotaReading(10_080, { usedPercent: 50 })],
    };
    expect(order('quota_first', ['half', 'ended'], { quota })).toEqual(['ended', 'half']);
  });
});

describe('soonest reset', () => {
  const weekly = (resetsInMs: number | null, usedPercent = 50) => quotaReading(10_080, { resetsInMs, usedPercent });
  const fiveHours = (resetsInMs: number | null, usedPercent = 50) => quotaReading(300, { resetsInMs, usedPercent });

  it('spends the weekly limit that is lost first, whatever the 5-hour limits say', () => {
    const quota = {
      tomorrow: [weekly(day), fiveHours(4 * hour)],
      later: [weekly(5 * day), fiveHours(hour / 2)],
      soon: [weekly(hour), fiveHours(5 * hour)],
    };
    expect(order('soonest_reset', ['later', 'tomorrow', 'soon'], { quota })).toEqual(['soon', 'tomorrow', 'later']);
  });

  it('lets the 5-hour limit decide between weekly limits that reset together', () => {
    const quota = {
      late: [weekly(3 * day), fiveHours(4 * hour)],
      early: [weekly(3 * day), fiveHours(hour)],
      idle: [weekly(3 * day)],
    };
    expect(order('soonest_reset', ['idle', 'late', 'early'], { quota })).toEqual(['early', 'late', 'idle']);
  });

  it('leaves what cannot be lost yet for last: no reading, no reset time, an ended cycle', () => {
    const quota = {
      running: [weekly(6 * day)],
      ended: [weekly(-hour)],
      unsaid: [weekly(null)],
    };
    const turned = order('soonest_reset', ['unknown', 'ended', 'unsaid', 'running'], { quota });
    expect(turned[0]).toBe('running');
    expect(turned.slice(1)).toEqual(order('bridge_ring', ['unknown', 'ended', 'unsaid']));
  });

  it('counts a monthly limit like a weekly one', () => {
    const quota = { monthly: [quotaReading(43_200, { resetsInMs: hour })], weekly: [weekly(2 * hour)] };
    expect(order('soonest_reset', ['weekly', 'monthly'], { quota })).toEqual(['monthly', 'weekly']);
  });

  it('never picks an account at its floor while another is above, whoever is preferred or failed', () => {
    const reading = fc
      .record({
        windowMinutes: fc.constantFrom(0, 300, 10_080, 43_200),
        usedPercent: fc.integer({ min: 0, max: 100 }),
        resetsInMs: fc.option(fc.integer({ min: 1, max: 40 * day })),
      })
      .map(({ windowMinutes, ...rest }) => quotaReading(windowMinutes, rest));
    fc.assert(
      fc.property(
        fc.dictionary(fc.uuid(), fc.array(reading, { maxLength: 3 }), {
          minKeys: 1,
          maxKeys: 8,
          noNullPrototype: true,
        }),
        fc.integer({ min: 0, max: 99 }),
        fc.nat(),
        fc.infiniteStream(fc.boolean()),
        (quota, floorPercent, pick, chance) => {
          const accounts = Object.keys(quota);
          const prefers = accounts[pick % accounts.length]!;
          const demoted = new Set(accounts.filter(() => chance.next().value));
          const isAbove = (id: string) => quota[id]!.every(({ usedPercent }) => 100 - usedPercent > floorPercent);
          const turned = order('soonest_reset', accounts, { quota, floorPercent, prefers, demoted });
          const above = turned.filter(isAbove);
          expect(turned.slice(0, above.length)).toEqual(above);
        },
      ),
    );
  });

  it('spends what is at its floor when nothing else is left, soonest reset first', () => {
    const quota = { later: [weekly(2 * day, 97)], sooner: [weekly(day, 98)], above: [weekly(6 * day, 94)] };
    const turned = order('soonest_reset', ['later', 'sooner', 'above'], { quota, floorPercent: 5 });
    expect(turned).toEqual(['above', 'sooner', 'later']);
  });

  it('looks at the floor of the worst window', () => {
    const quota = { brief: [weekly(hour, 10), fiveHours(hour, 96)], roomy: [weekly(6 * day, 90), fiveHours(hour, 90)] };
    expect(order('soonest_reset', ['brief', 'roomy'], { quota, floorPercent: 5 })).toEqual(['roomy', 'brief']);
  });

  it('orders by resets, then by rendezvous', () => {
    fc.assert(
      fc.property(ids, fc.string(), fc.infiniteStream(fc.integer({ min: 1, max: 4 })), (accounts, seed, days) => {
        const resets = new Map(accounts.map((id) => [id, days.next().value]));
        const quota = Object.fromEntries(accounts.map((id) => [id, [weekly(resets.get(id)! * day)]]));
        const rendezvous = order('bridge_ring', accounts, { seed });
        const expected = rendezvous.toSorted((a, b) => resets.get(a)! - resets.get(b)!);
        expect(order('soonest_reset', accounts, { quota, seed })).toEqual(expected);
      }),
    );
  });
});
