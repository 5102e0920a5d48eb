/** The register of strategies: TypeScript demands one per word of the vocabulary. */
import type { StrategyName } from '../../contract/vocabulary.ts';
import { bridgeRing } from './bridge-ring.ts';
import type { Strategy } from './strategy.ts';

export const strategyByName = { bridge_ring: bridgeRing } as const satisfies Record<StrategyName, Strategy>;
