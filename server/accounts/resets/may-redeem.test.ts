import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at, reading } from '../../../test/support/quota-readings.ts';
import { defaultResetPolicy } from '../../contract/resets.ts';
import { resetOutcomes, spentOutcomes, type ResetOutcome } from '../../contract/vocabulary.ts';
import { blockedUntil } from '../quota.ts';
import { isUsable, mayRedeem, type Credit, type RedeemFacts } from './may-redeem.ts';

const week = { windowMinutes: 10_080, usedPercent: 100, resetAt: at(3_000) };

function facts(over: Partial<RedeemFacts> = {}): RedeemFacts {
  return {
    policy: { ...defaultResetPolicy, isAutomatic: true },
    credits: [credit('first'), credit('second')],
    blocking: [reading(week)],
    latest: null,
    now: at(10),
    ...over,
  };
}

function credit(id: string, over: Partial<Credit> = {}): Credit {
  return { id, status: 'available', expiresAt: at(100_000), ...over };
}

describe('a saved reset', () => {
  it('may be spent when only the weekly limit is in the way: the first that the provider lists', () => {
    expect(mayRedeem(facts())).toEqual({ may: true, creditId: 'first' });
  });

  const automatic = { ...defaultResetPolicy, isAutomatic: true };
  it.each<readonly [string, string, Partial<RedeemFacts>]>([
    ['unless somebody allowed it', 'off', { policy: defaultResetPolicy }],
    ['when nothing is in the way', 'not_weekly_alone', { blocking: [] }],
    ['for a 5-hour limit', 'not_weekly_alone', { blocking: [reading({ usedPercent: 100 })] }],
    ['when the 5-hour limit is in the way as well', 'not_weekly_alone', { blocking: [reading(week), reading()] }],
    ['for the limit of one model', 'not_weekly_alone', { blocking: [reading({ ...week, meter: 'codex_spark' })] }],
    ['just before a reset that costs nothing', 'reset_is_near', { now: at(2_941) }],
    ['when nobody knows when the limit resets', 'reset_is_near', { blocking: [reading({ ...week, resetAt: null })] }],
    ['beside another try', 'in_progress', { latest: { startedAt: at(0), finishedAt: null, outcome: null } }],
    [
      'right after another try',
      'cooling_down',
      { latest: { startedAt: at(0), finishedAt: at(0), outcome: 'refused' } },
    ],
    [
      'again before a reading shows what the last one did',
      'unconfirmed',
      { latest: { startedAt: at(-40), finishedAt: at(1), outcome: 'reset' } },
    ],
    ['when it is to be kept', 'kept', { policy: { ...automatic, keepCredits: 2 } }],
    ['when there is none', 'kept', { credits: [] }],
    ['that has expired', 'kept', { credits: [credit('old', { expiresAt: at(9) })] }],
    ['that is spent already', 'kept', { credits: [credit('gone', { status: 'redeemed' })] }],
  ])('is not spent %s', (_, why, over) => {
    expect(mayRedeem(facts(over))).toEqual({ may: false, why });
  });

  it('may be tried again, under the same name, half an hour after a try whose end nobody knows', () => {
    const latest = { startedAt: at(-19), finishedAt: null, outcome: null };
    expect(mayRedeem(facts({ latest }))).toEqual({ may: false, why: 'in_progress' });
    expect(mayRedeem(facts({ latest: { ...latest, startedAt: at(-20) } })).may).toBe(true);
  });

  it('may be spent up to an hour before the natural reset, to the minute', () => {
    expect(mayRedeem(facts({ now: at(2_940) })).may).toBe(true);
  });
});

const minute = fc.integer({ min: -5_000, max: 5_000 }).map(at);
const anyCredit = fc.record({
  id: fc.constantFrom('a', 'b', 'c'),
  status: fc.constantFrom('available' as const, 'redeeming' as const, 'redeemed' as const),
  expiresAt: fc.option(minute),
});
const anyFacts: fc.Arbitrary<RedeemFacts> = fc.record({
  policy: fc.record({
    isAutomatic: fc.boolean(),
    keepCredits: fc.integer({ min: 0, max: 3 }),
    minBlockedMinutes: fc.integer({ min: 0, max: 600 }),
  }),
  credits: fc.array(anyCredit, { maxLength: 5 }),
  blocking: fc.array(
    fc
      .record({
        windowMinutes: fc.constantFrom(10_080, 10_080, 10_080, 300),
        meter: fc.constantFrom('codex', 'codex', 'codex', 'codex_spark'),
        resetAt: fc.option(minute),
        observedAt: minute,
      })
      .map((over) => reading({ ...over, usedPercent: 100 })),
    { minLength: 1, maxLength: 2 },
  ),
  latest: fc.option(
    fc.record({
      startedAt: minute,
      finishedAt: fc.option(minute),
      outcome: fc.option(fc.constantFrom(...(Object.keys(resetOutcomes) as ResetOutcome[]))),
    }),
  ),
  now: minute,
});

describe('whatever the facts are', () => {
  it('what is spent was allowed, is there, is beyond what is kept, and is worth it', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        const decision = mayRedeem(any);
        if (!decision.may) return;
        const { policy, credits, blocking, latest, now } = any;
        expect(policy.isAutomatic).toBe(true);
        const usable = credits.filter((each) => isUsable(each, now));
        expect(usable.map(({ id }) => id)).toContain(decision.creditId);
        expect(usable.length).toBeGreaterThan(policy.keepCredits);
        for (const each of blocking) {
          expect([each.meter, each.windowMinutes]).toEqual(['codex', 10_080]);
          const leftMs = blockedUntil(each, now)!.getTime() - now.getTime();
          expect(leftMs).toBeGreaterThanOrEqual(policy.minBlockedMinutes * 60_000);
        }
        if (latest === null) return;
        expect(now.getTime() - latest.startedAt.getTime()).toBeGreaterThanOrEqual(30 * 60_000);
        if (latest.outcome !== null && spentOutcomes.has(latest.outcome) && latest.finishedAt)
          for (const { observedAt } of blocking) expect(observedAt > latest.finishedAt).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });
});
