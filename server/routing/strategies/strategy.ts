/** A strategy puts eligible accounts in order. It never adds or removes one. */
import type { AccountFacts } from '../../accounts/account.ts';

export interface StrategyFacts {
  /** What the order may depend on so that the same conversation meets the same order. */
  readonly seed: string;
}

export interface Strategy {
  /** Must be instant, pure, and independent of the order of its input. */
  order(accounts: readonly AccountFacts[], facts: StrategyFacts): AccountFacts[];
}
