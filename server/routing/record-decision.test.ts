import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountFacts, emptyScene, limitsKnown, quotaReading, testNow } from '../../test/support/account-facts.ts';
import { randomScene } from '../../test/support/random-scene.ts';
import { Decision, type StoredDecision } from '../contract/decisions.ts';
import type { ExclusionReason } from '../contract/vocabulary.ts';
import { chooseAccount } from './choose-account.ts';
import { listedAccounts, recordDecision } from './record-decision.ts';
import type { Scene } from './scene.ts';

const record = (scene: Scene) => recordDecision(scene, chooseAccount(scene));
/** As it comes back from where it was stored. */
const readBack = (stored: StoredDecision) => Decision.parse(JSON.parse(JSON.stringify(stored)));

describe('the record of a choice', () => {
  it('says of 100,000 random scenes exactly what the router did', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const scene = randomScene(seed);
        const choice = chooseAccount(scene);
        const { candidates, excluded, eligible, total, decidedBy } = recordDecision(scene, choice);
        const ranked = candidates.filter(({ rank }) => rank !== undefined);
        const tryList = choice.kind === 'chosen' ? choice.tryList.map(({ account }) => account.id) : [];
        const isSame =
          ranked.every(({ rank, accountId }, index) => rank === index + 1 && accountId === tryList[index]) &&
          ranked.length === Math.min(tryList.length, listedAccounts) &&
          (ranked[0]?.accountId ?? null) === (choice.kind === 'chosen' ? choice.account.id : null) &&
          (decidedBy === null) === (choice.kind === 'none');
        const reasons = new Map<string, string>(choice.exclusions.map(({ accountId, reason }) => [accountId, reason]));
        const isReasoned = candidates.every(
          ({ accountId, reason, rank }) => rank !== undefined || reason === (reasons.get(accountId) ?? 'outside_ring'),
        );
        const counted = Object.values(excluded).reduce((sum, count) => sum + count, 0);
        const isWhole =
          total === scene.accounts.length &&
          counted + tryList.length === total &&
          eligible === tryList.length + (excluded.outside_ring ?? 0) &&
          candidates.length === Math.min(total, listedAccounts) &&
          new Set(candidates.map(({ accountId }) => accountId)).size === candidates.length;
        return isSame && isReasoned && isWhole;
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);

  it('comes back from storage as it was', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const stored = record(randomScene(seed));
        expect(readBack(stored)).toEqual(Decision.parse(stored));
      }),
    );
  });

  it('does not depend on the order of the accounts, as far as it names all of them', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const scene = randomScene(seed);
        const turned = { ...scene, accounts: scene.accounts.toReversed() };
        const named = ({ candidates }: StoredDecision) => new Map(candidates.map((each) => [each.accountId, each]));
        fc.pre(scene.accounts.length <= listedAccounts);
        expect(named(record(turned))).toEqual(named(record(scene)));
        expect({ ...record(turned), candidates: [] }).toEqual({ ...record(scene), candidates: [] });
      }),
    );
  });

  it('stays below 8 kB for a Pool of a thousand accounts about which everything is known', () => {
    const uuid = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
    const accounts = Array.from({ length: 1_000 }, (_each, index) => accountFacts(uuid(index)));
    const readings = [300, 10_080, 43_200, 0].map((minutes) => ({
      ...quotaReading(minutes, { usedPercent: 99.987_654, resetsInMs: 1e10 }),
      meter: 'm'.repeat(100),
    }));
    const scene: Scene = {
      ...emptyScene,
      accounts,
      strategy: 'soonest_reset',
      ringSize: 100,
      floorPercent: 5,
      demoted: new Set(accounts.map(({ id }) => id)),
      prefers: uuid(3),
      circuit: () => 'half_open',
      ...limitsKnown(() => readings),
      now: new Date(testNow.getTime() + 1e9),
    };
    const until = new Date(testNow.getTime() + 1e10);
    const code = 'usage_limit_reached';
    for (const each of [scene, { ...scene, unavailability: () => ({ code, until }) as const }]) {
      const stored = record(each);
      expect(Buffer.byteLength(JSON.stringify(stored))).toBeLessThan(8_192);
      expect(stored.candidates.length).toBe(listedAccounts);
      expect(stored.total).toBe(1_000);
    }
  });

  it('names the own account of the conversation also where there is no room for all', () => {
    const accounts = Array.from({ length: 60 }, (_each, index) => accountFacts(`a${index}`, { status: 'paused' }));
    const { candidates } = record({ ...emptyScene, accounts, prefers: 'a59' });
    expect(candidates[0]).toMatchObject({ accountId: 'a59', isPreferred: true, reason: 'account_paused' });
  });
});

describe('what became of the prompt cache key', () => {
  it('is that there was nothing to bring together where fewer than two accounts may serve', () => {
    const words = [0, 1, 2].map((count) => {
      const accounts = ['a', 'b', 'c'].map((id, nth) => accountFacts(id, nth < count ? {} : { status: 'paused' }));
      const continuity = { reason: 'prompt_cache', locality: 'applied' } as const;
      return record({ ...emptyScene, accounts, continuity }).locality;
    });
    expect(words).toEqual(['no_eligible_candidates', 'single_eligible_candidate', 'applied']);
  });
});

describe('what decided', () => {
  const two = (overrides: Partial<Scene> = {}) => record({ ...emptyScene, accounts: [a, b], ...overrides }).decidedBy;
  const a = accountFacts('a');
  const b = accountFacts('b');
  const first = record({ ...emptyScene, accounts: [a, b] }).candidates[0]!.accountId;

  it('is the pin before anything else, and nothing when nobody may serve', () => {
    expect(two({ pinnedTo: 'a', prefers: 'a' })).toBe('pin');
    expect(two({ pinnedTo: 'gone' })).toBe(null);
  });

  it('is that there is nobody else', () => {
    expect(two({ unavailability: ({ id }) => (id === first ? { code: 'cooling_down', until: null } : null) })).toBe(
      'only_one',
    );
  });

  it('is even spreading between accounts that are alike, also for the last try of a ring', () => {
    expect(two()).toBe('spread');
    expect(two({ ringSize: 1 })).toBe('spread');
  });

  it('is the demotion of the other, the conversation, the floor or the strategy', () => {
    expect(two({ demoted: new Set([first]) })).toBe('demotion');
    expect(two({ prefers: first })).toBe('affinity');
    const limits = limitsKnown((id) => [quotaReading(10_080, { usedPercent: id === 'a' ? 99 : 10 })]);
    expect(two({ strategy: 'soonest_reset', floorPercent: 5, ...limits })).toBe('floor');
    expect(two({ strategy: 'quota_first', ...limits })).toBe('strategy');
  });

  it('is the ability to compact before all of these', () => {
    const able = {
      ...b,
      models: new Map([[emptyScene.model, { tiers: new Set(''), lacks: new Set<never>(), compacts: true }]]),
    };
    const scene = { ...emptyScene, accounts: [a, able], isCompaction: true, prefers: 'a', demoted: new Set(['b']) };
    expect(record(scene)).toMatchObject({
      decidedBy: 'compaction',
      candidates: [{ accountId: 'b' }, { accountId: 'a' }],
    });
  });
});

describe('what is known of an account', () => {
  it('is told as it was at that moment, in seconds from then', () => {
    const scene: Scene = {
      ...emptyScene,
      accounts: [accountFacts('a')],
      now: new Date(testNow.getTime() + 90_000),
      quota: () => [
        quotaReading(300, { usedPercent: 12.345, resetsInMs: 3_690_000 }),
        { ...quotaReading(300), meter: 'codex_spark' },
      ],
      unavailability: () => ({
        code: 'circuit_open' satisfies ExclusionReason,
        until: new Date(testNow.getTime() + 100_000),
      }),
      circuit: () => 'open',
    };
    expect(readBack(record(scene)).candidates).toEqual([
      {
        accountId: 'a',
        rank: null,
        reason: 'circuit_open',
        endsInSeconds: 10,
        key: null,
        isPreferred: false,
        isDemoted: false,
        isReserve: false,
        circuit: 'open',
        limits: [
          { meter: 'codex', windowMinutes: 300, usedPercent: 12.35, resetsInSeconds: 3_600, ageSeconds: 90 },
          { meter: 'codex_spark', windowMinutes: 300, usedPercent: 50, resetsInSeconds: 17_910, ageSeconds: 90 },
        ],
      },
    ]);
  });
});
