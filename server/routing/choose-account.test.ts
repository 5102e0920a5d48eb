import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountFacts, emptyScene, testNow as now } from '../../test/support/account-facts.ts';
import { randomScene } from '../../test/support/random-scene.ts';
import type { AccountFacts } from '../accounts/account.ts';
import { unknownAbilities, type ModelAbilities, type ModelLack } from '../catalog/model-abilities.ts';
import { strategies, type StrategyName } from '../contract/vocabulary.ts';
import { chooseAccount, type Choice } from './choose-account.ts';
import type { Unavailability } from './eligibility.ts';
import type { Scene } from './scene.ts';

const ids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });

describe('choosing an account', () => {
  it('does not depend on the order in which accounts are listed', () => {
    fc.assert(
      fc.property(ids, fc.string(), (accounts, seed) => {
        const forwards = choose(accounts.map(candidate), { seed });
        const backwards = choose(accounts.toReversed().map(candidate), { seed });
        expect(chosenId(forwards)).toBe(chosenId(backwards));
      }),
    );
  });

  it('moves only the conversations of an account that goes away', () => {
    fc.assert(
      fc.property(ids, fc.string(), fc.nat(), (accounts, seed, pick) => {
        const gone = accounts[pick % accounts.length];
        const before = chosenId(choose(accounts.map(candidate), { seed }));
        const after = chosenId(choose(accounts.filter((id) => id !== gone).map(candidate), { seed }));
        if (before !== gone) expect(after).toBe(before);
      }),
    );
  });

  it('spreads conversations over the accounts', () => {
    const accounts = ['a', 'b', 'c', 'd'].map(candidate);
    const counts = new Map<string | null, number>();
    for (let thread = 0; thread < 4000; thread += 1) {
      const id = chosenId(choose(accounts, { seed: `thread-${thread}` }));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(850);
    expect(counts.size).toBe(4);
  });

  it('keeps a conversation with its account as long as that account may serve', () => {
    const accounts = ['a', 'b', 'c'].map(candidate);
    for (const prefers of ['a', 'b', 'c']) expect(chosenId(choose(accounts, { prefers }))).toBe(prefers);
    const limited = accounts.map((each) =>
      each.account.id === 'b'
        ? { ...each, unavailability: { code: 'usage_limit_reached' as const, until: null } }
        : each,
    );
    expect(chosenId(choose(limited, { prefers: 'b' }))).not.toBe('b');
  });

  it('never chooses an account that a named reason excludes, and names every reason', () => {
    const reset = new Date('2026-11-23T13:00:00Z');
    const choice = choose(
      [
        candidate('paused', { status: 'paused' }),
        candidate('signed-out', { status: 'reauth_required' }),
        candidate('other-models', { models: new Map([['gpt-other', unknownAbilities]]) }),
        candidate('expired', { status: 'refresh_failed', accessTokenExpiresAt: now }),
        { ...candidate('limited'), unavailability: { code: 'usage_limit_reached', until: reset } },
        candidate('tried'),
      ],
      { tried: new Set(['tried']) },
    );
    expect(choice).toEqual({
      kind: 'none',
      exclusions: [
        { accountId: 'paused', reason: 'account_paused', until: null },
        { accountId: 'signed-out', reason: 'account_signed_out', until: null },
        { accountId: 'other-models', reason: 'model_not_offered', until: null },
        { accountId: 'expired', reason: 'account_token_expired', until: null },
        { accountId: 'limited', reason: 'usage_limit_reached', until: reset },
        { accountId: 'tried', reason: 'already_tried', until: null },
      ],
    });
  });

  it('leaves out whoever lacks what the request needs, and names what it is', () => {
    const lacking = (lack: ModelLack) => able({ lacks: new Set([lack]) });
    const choice = choose(
      [
        candidate('silent', able({})),
        candidate('blind', lacking('images')),
        candidate('handless', lacking('tools')),
        candidate('thoughtless', lacking('reasoning')),
        candidate('slow', lacking('streaming')),
        candidate('mute', lacking('responses')),
      ],
      { needs: { tier: null, abilities: ['responses', 'streaming', 'images', 'tools', 'reasoning'] } },
    );
    expect(chosenId(choice)).toBe('silent');
    expect(choice.exclusions.map(({ accountId, reason }) => [accountId, reason])).toEqual([
      ['blind', 'images_not_offered'],
      ['handless', 'tools_not_offered'],
      ['thoughtless', 'reasoning_not_offered'],
      ['slow', 'streaming_not_offered'],
      ['mute', 'model_not_offered'],
    ]);
    const plain = choose([candidate('blind', lacking('images'))], { needs: { tier: null, abilities: ['tools'] } });
    expect(chosenId(plain)).toBe('blind');
  });

  it('asks for a tier only of those who say that they have it, and for none of anybody', () => {
    const accounts = [
      candidate('fast', able({ tiers: new Set(['priority']) })),
      candidate('other', able({ tiers: new Set(['flex']) })),
      candidate('listless'),
    ];
    const choice = choose(accounts, { needs: { tier: 'priority', abilities: [] } });
    expect(choice).toMatchObject({
      account: { id: 'fast' },
      exclusions: [
        { accountId: 'other', reason: 'tier_not_offered' },
        { accountId: 'listless', reason: 'tier_not_offered' },
      ],
    });
    expect(choose(accounts).exclusions).toEqual([]);
  });

  it('lets those that say they compact do it, and the others when there is nobody else', () => {
    const accounts = [candidate('a'), candidate('b'), candidate('c', able({ compacts: true }))];
    const order = (isCompaction: boolean) => {
      const choice = choose(accounts, { isCompaction, prefers: 'a', demoted: new Set(['c']) });
      return choice.kind === 'chosen' ? choice.tryList.map(({ account }) => account.id) : [];
    };
    expect(order(true)).toEqual(['c', 'a', 'b']);
    expect(order(false)).toEqual(['a', 'b', 'c']);
    expect(chosenId(choose(accounts.slice(0, 2), { isCompaction: true, prefers: 'a' }))).toBe('a');
  });

  it('lets an account whose refresh failed serve while its token is still good', () => {
    const later = new Date(now.getTime() + 1);
    expect(chosenId(choose([candidate('a', { status: 'refresh_failed', accessTokenExpiresAt: later })]))).toBe('a');
  });

  it('treats a pin as absolute', () => {
    const accounts = ['a', 'b'].map(candidate);
    expect(chosenId(choose(accounts, { pinnedTo: 'b', prefers: 'a' }))).toBe('b');
    expect(choose(accounts, { pinnedTo: 'gone' }).kind).toBe('none');
  });

  it('tries as many accounts as the ring has, the tried ones counted in', () => {
    const accounts = ['a', 'b', 'c', 'd', 'e'].map((id) => candidate(id));
    const tried = new Set<string>();
    const served: string[] = [];
    for (let left = 3; left > 0; left -= 1) {
      const choice = choose(accounts, { ringSize: 3, tried });
      if (choice.kind !== 'chosen') throw new Error('the ring ended too soon');
      expect([choice.tryList.length, choice.tryList[0]?.account]).toEqual([left, choice.account]);
      tried.add(choice.account.id);
      served.push(choice.account.id);
    }
    const whole = choose(accounts, { ringSize: 5 });
    expect(whole.kind === 'chosen' && whole.tryList.slice(0, 3).map(({ account }) => account.id)).toEqual(served);
    const over = choose(accounts, { ringSize: 3, tried });
    expect(over.kind).toBe('none');
    expect(over.exclusions.map(({ reason }) => reason).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'already_tried'),
      ...Array.from({ length: 2 }, () => 'outside_ring'),
    ]);
  });

  it('cuts the ring after preference and demotion were heard', () => {
    const accounts = ['a', 'b', 'c', 'd', 'e'].map((id) => candidate(id));
    const tryList = (overrides: Partial<Scene>) => {
      const choice = choose(accounts, { ringSize: 2, ...overrides });
      return choice.kind === 'chosen' ? choice.tryList.map(({ account }) => account.id) : [];
    };
    const usual = tryList({ ringSize: 5 });
    const last = usual[4]!;
    expect(tryList({ prefers: last })).toEqual([last, usual[0]]);
    expect(tryList({ prefers: last, demoted: new Set([last]) })).toEqual(usual.slice(0, 2));
    expect(tryList({ demoted: new Set(usual.slice(0, 4)) })).toEqual([last, usual[0]]);
  });

  it('tries one account even where the ring says none', () => {
    expect(choose([candidate('a')], { ringSize: 0 }).kind).toBe('chosen');
  });

  it('has everybody before it who may serve, and nobody else, whatever orders them', () => {
    const names = Object.keys(strategies) as StrategyName[];
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.nat(), (seed, otherSeed, pick) => {
        const scene = { ...randomScene(seed), ringSize: 1_000 };
        const { demoted, floorPercent, seed: ring, limits, isOnCredits, lastSuccessMs } = randomScene(otherSeed);
        const allowed = scene.accounts.filter((account) => mayServe(account, scene)).map(({ id }) => id);
        for (const strategy of names) {
          // Also an account that is left out may be the one that the conversation had.
          const prefers = scene.accounts[pick % scene.accounts.length]?.id ?? null;
          const ways = { strategy, prefers, demoted, floorPercent, seed: ring, limits, isOnCredits, lastSuccessMs };
          const choice = chooseAccount({ ...scene, ...ways });
          const tried = choice.kind === 'chosen' ? choice.tryList.map(({ account }) => account.id) : [];
          expect(tried.toSorted(), strategy).toEqual(allowed.toSorted());
          expect(choice.exclusions).toHaveLength(scene.accounts.length - allowed.length);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Whether an account may serve at all, said as plainly as can be. */
function mayServe(account: AccountFacts, scene: Scene): boolean {
  const { id, status, accessTokenExpiresAt, models } = account;
  const { tier, abilities } = scene.needs;
  const listed = models?.get(scene.model);
  const isExpired = accessTokenExpiresAt !== null && accessTokenExpiresAt <= scene.now;
  return (
    (status === 'active' || (status === 'refresh_failed' && !isExpired)) &&
    scene.unavailability(account) === null &&
    !scene.tried.has(id) &&
    (scene.pinnedTo ?? id) === id &&
    (models === null || listed !== undefined) &&
    (tier === null || listed?.tiers.has(tier) === true) &&
    abilities.every((ability) => listed?.lacks.has(ability) !== true)
  );
}

interface Candidate {
  readonly account: AccountFacts;
  readonly unavailability: Unavailability | null;
}

/** The choice of a scene in which everybody stands as said, and nothing else is known. */
function choose(candidates: readonly Candidate[], overrides: Partial<Scene> = {}): Choice {
  const unavailabilities = new Map(candidates.map(({ account, unavailability }) => [account.id, unavailability]));
  return chooseAccount({
    ...emptyScene,
    ringSize: candidates.length,
    accounts: candidates.map(({ account }) => account),
    unavailability: ({ id }) => unavailabilities.get(id) ?? null,
    ...overrides,
  });
}

function candidate(id: string, overrides: Partial<AccountFacts> | number = {}): Candidate {
  return { account: accountFacts(id, typeof overrides === 'object' ? overrides : {}), unavailability: null };
}

/** An account whose list says this of the model that is asked for. */
function able(abilities: Partial<ModelAbilities>): Partial<AccountFacts> {
  return { models: new Map([[emptyScene.model, { ...unknownAbilities, ...abilities }]]) };
}

function chosenId(choice: Choice): string | null {
  return choice.kind === 'chosen' ? choice.account.id : null;
}
