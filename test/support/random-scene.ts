/** Scenes of every kind, each from one number, fast enough to try a hundred thousand of them. */
import type { AccountFacts } from '../../server/accounts/account.ts';
import type { QuotaReading } from '../../server/accounts/quota.ts';
import type { ModelAbilities, ModelLack } from '../../server/catalog/model-abilities.ts';
import { accountStatuses, circuitStatuses, exclusionReasons, strategies } from '../../server/contract/vocabulary.ts';
import type { AccountStatus, CircuitStatus, ExclusionReason, StrategyName } from '../../server/contract/vocabulary.ts';
import type { Unavailability } from '../../server/routing/eligibility.ts';
import type { Scene } from '../../server/routing/scene.ts';
import { accountFacts, emptyScene, limitsKnown, quotaReading, testNow } from './account-facts.ts';

const models = ['gpt-5.5', 'gpt-6-luna'];
const lacks: readonly ModelLack[] = ['responses', 'streaming', 'images', 'tools', 'reasoning'];
const tiers = ['priority', 'flex'];

/** What the board or the circuits may say; the other reasons come from the account or the request. */
const unavailabilities = (Object.keys(exclusionReasons) as ExclusionReason[]).filter(
  (reason) =>
    !reason.startsWith('account_') &&
    !reason.endsWith('_offered') &&
    !['pinned_elsewhere', 'already_tried', 'outside_ring'].includes(reason),
);

/** Draws the same things for the same seed. */
interface Chance {
  below(limit: number): number;
  oneIn(limit: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  some<Item>(items: readonly Item[], oneIn: number): Item[];
}

function createChance(seed: number): Chance {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0;
    const first = Math.imul(state ^ (state >>> 15), state | 1);
    const second = first ^ (first + Math.imul(first ^ (first >>> 7), first | 61));
    return (second ^ (second >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  const oneIn = (limit: number): boolean => below(limit) === 0;
  return {
    below,
    oneIn,
    pick: (items) => items[below(items.length)]!,
    some: (items, limit) => items.filter(() => oneIn(limit)),
  };
}

/** @example fc.property(fc.integer(), (seed) => { const scene = randomScene(seed); … }) */
export function randomScene(seed: number): Scene {
  const chance = createChance(seed);
  const count = chance.oneIn(10) ? chance.below(60) : chance.below(8);
  const accounts = Array.from({ length: count }, (_each, index) => randomAccount(`account-${index}`, chance));
  const ids = accounts.map(({ id }) => id);
  const someone = () => (count > 0 && chance.oneIn(3) ? chance.pick(ids) : null);
  const quota = new Map(ids.map((id) => [id, randomReadings(chance)]));
  const blocked = new Map(chance.some(ids, 4).map((id) => [id, randomUnavailability(chance)]));
  const served = new Map(chance.some(ids, 2).map((id) => [id, new Date(testNow.getTime() - chance.below(3))]));
  const circuits = new Map(
    chance.some(ids, 5).map((id) => [id, chance.pick(Object.keys(circuitStatuses) as CircuitStatus[])]),
  );
  const onCredits = new Set(chance.some(ids, 6));
  return {
    accounts,
    model: chance.pick(models),
    needs: { tier: chance.oneIn(4) ? chance.pick(tiers) : null, abilities: chance.some(lacks, 3) },
    isCompaction: chance.oneIn(4),
    now: testNow,
    pinnedTo: chance.oneIn(4) ? someone() : null,
    tried: new Set(chance.oneIn(3) ? chance.some(ids, 4) : []),
    unavailability: ({ id }) => blocked.get(id) ?? null,
    continuity: emptyScene.continuity,
    circuit: (id) => circuits.get(id) ?? 'closed',
    strategy: chance.pick(Object.keys(strategies) as StrategyName[]),
    ringSize: 1 + chance.below(chance.oneIn(10) ? 100 : 4),
    floorPercent: chance.below(20),
    seed: `seed-${chance.below(1_000)}`,
    prefers: someone(),
    demoted: new Set(chance.some(ids, 4)),
    ...limitsKnown((id) => quota.get(id) ?? []),
    isOnCredits: ({ id }) => onCredits.has(id),
    lastSuccessMs: ({ id }) => served.get(id)?.getTime() ?? 0,
  };
}

function randomAccount(id: string, chance: Chance): AccountFacts {
  const known = chance.some(models, 2).concat(models.slice(0, 1));
  const status = chance.oneIn(4) ? chance.pick(Object.keys(accountStatuses) as AccountStatus[]) : 'active';
  return accountFacts(id, {
    status,
    accessTokenExpiresAt: chance.oneIn(2) ? new Date(testNow.getTime() + chance.below(3) - 1) : null,
    createdAt: new Date(testNow.getTime() - chance.below(4)),
    models: chance.oneIn(3) ? null : new Map(known.map((model) => [model, randomAbilities(chance)])),
  });
}

function randomAbilities(chance: Chance): ModelAbilities {
  return {
    tiers: new Set(chance.some(tiers, 2)),
    lacks: new Set(chance.oneIn(4) ? chance.some(lacks, 4) : []),
    compacts: chance.oneIn(2),
  };
}

function randomReadings(chance: Chance): readonly QuotaReading[] {
  return chance.some([0, 300, 10_080, 43_200], 2).map((minutes) =>
    quotaReading(minutes, {
      usedPercent: chance.below(101),
      resetsInMs: chance.oneIn(5) ? null : (chance.below(1_000) - 50) * 3_600_000,
    }),
  );
}

function randomUnavailability(chance: Chance): Unavailability {
  const until = chance.oneIn(2) ? new Date(testNow.getTime() + chance.below(100_000)) : null;
  return { code: chance.pick(unavailabilities), until };
}
