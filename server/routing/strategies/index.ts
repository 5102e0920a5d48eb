/** The register of strategies: TypeScript demands one per word of the vocabulary. */
import type { StrategyName } from '../../contract/vocabulary.ts';
import { bridgeRing } from './bridge-ring.ts';
import { deterministicRotation } from './deterministic-rotation.ts';
import { leastRecentSuccess } from './least-recent-success.ts';
import { quotaFirst } from './quota-first.ts';
import { soonestReset } from './soonest-reset.ts';
import type { Strategy } from './strategy.ts';

export const strategyByName: Readonly<Record<StrategyName, Strategy>> = {
  bridge_ring: bridgeRing,
  deterministic_rotation: deterministicRotation,
  least_recent_success: leastRecentSuccess,
  quota_first: quotaFirst,
  soonest_reset: soonestReset,
};
