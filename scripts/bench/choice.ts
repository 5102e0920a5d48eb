/**
 * What it costs to choose one of a thousand accounts, from the board's look to the record of the choice, by the
 * functions that serve requests. Measured in this process alone: nothing is asked of anybody.
 */
import { defaultPoolRouting } from '../../server/contract/pools.ts';
import { strategies, type StrategyName } from '../../server/contract/vocabulary.ts';
import { gatherScene, type SceneParts } from '../../server/gateway/choice/gather-scene.ts';
import type { SceneQuestion } from '../../server/gateway/choice/scene-question.ts';
import { chooseAccount } from '../../server/routing/choose-account.ts';
import { recordDecision } from '../../server/routing/record-decision.ts';
import { asRead, createChoicePool, poolModel, poolStates, type PoolState } from './choice-pool.ts';
import { microseconds, perSecond } from './number-texts.ts';
import { percentile } from './statistics.ts';
import type { Table } from './table.ts';

/** Accounts of the Pool. */
export const poolSize = 1_000;
/** Choices per round; the middle one of the best round counts, because other programs only ever make it slower. */
const choicesPerRound = 400;

/** What one strategy takes in one kind of Pool, in microseconds. */
export interface ChoiceCost {
  readonly strategy: StrategyName;
  readonly pool: PoolState;
  readonly choiceUs: number;
  readonly recordedUs: number;
}

export function measureChoices({ rounds }: { rounds: number }): ChoiceCost[] {
  const pools = {
    calm: createChoicePool({ size: poolSize, state: 'calm' }),
    troubled: createChoicePool({ size: poolSize, state: 'troubled' }),
  };
  const cells = (Object.keys(poolStates) as PoolState[]).flatMap((pool) =>
    (Object.keys(strategies) as StrategyName[]).map((strategy) => ({ strategy, pool })),
  );
  const best = cells.map((cell) => ({
    ...cell,
    choiceUs: Number.POSITIVE_INFINITY,
    recordedUs: Number.POSITIVE_INFINITY,
  }));
  // One round more: the first only makes the functions warm, for all strategies together as a server does.
  for (let round = 0; round <= rounds; round += 1) {
    for (const cost of best) {
      const { choiceUs, recordedUs } = measureOne(pools[cost.pool], cost.strategy);
      if (round === 0) continue;
      cost.choiceUs = Math.min(cost.choiceUs, choiceUs);
      cost.recordedUs = Math.min(cost.recordedUs, recordedUs);
    }
  }
  return best;
}

export function choiceTable(costs: readonly ChoiceCost[]): Table {
  return {
    title: `Choosing one of ${perSecond(poolSize)} accounts (p50)`,
    columns: [
      { title: 'Strategy', align: 'left' },
      { title: 'Pool', align: 'left' },
      { title: 'choice', align: 'right' },
      { title: 'with its record', align: 'right' },
    ],
    rows: costs.map(({ strategy, pool, choiceUs, recordedUs }) => [
      strategy,
      poolStates[pool],
      microseconds(choiceUs),
      microseconds(recordedUs),
    ]),
  };
}

function measureOne(parts: SceneParts, strategy: StrategyName): Pick<ChoiceCost, 'choiceUs' | 'recordedUs'> {
  const choiceUs: number[] = [];
  const recordedUs: number[] = [];
  for (let index = 0; index < choicesPerRound; index += 1) {
    const question = questionFor(strategy, index);
    const began = performance.now();
    const scene = gatherScene(question, parts);
    const choice = chooseAccount(scene);
    const chosen = performance.now();
    const record = recordDecision(scene, choice);
    const recorded = performance.now();
    if (choice.kind === 'none' || record.decidedBy === null) throw new Error('nobody was chosen');
    choiceUs.push((chosen - began) * 1_000);
    recordedUs.push((recorded - began) * 1_000);
  }
  return { choiceUs: percentile(choiceUs, 0.5), recordedUs: percentile(recordedUs, 0.5) };
}

/** A conversation's first request, of a client that offers tools. What names things is a new text in every request. */
function questionFor(strategy: StrategyName, conversation: number): SceneQuestion {
  return {
    poolId: asRead('pool'),
    keyId: asRead('key'),
    routeClass: 'proxy_stream',
    routing: { ...defaultPoolRouting, strategy },
    model: asRead(poolModel),
    needs: { tier: null, abilities: ['responses', 'streaming', 'tools', 'reasoning'] },
    isCompaction: false,
    seed: `conversation ${conversation}`,
    prefers: null,
    pinnedTo: null,
    continuity: { reason: 'none', locality: 'prompt_cache_key_absent' },
    tried: new Set(),
  };
}
