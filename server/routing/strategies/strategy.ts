/** A strategy says which eligible accounts come first. It never adds or removes one. */
import type { AccountFacts } from '../../accounts/account.ts';
import type { LimitSummary } from '../../accounts/limit-summary.ts';

/** What a strategy may look at, beside the accounts themselves. */
export interface StrategyFacts {
  /** What the order may depend on so that the same conversation meets the same order. */
  readonly seed: string;
  readonly now: Date;
  /** What the limits that hold for the model in question come to now. Must be instant. */
  readonly limits: (account: AccountFacts) => LimitSummary;
  /** When the account last answered a request to its end; 0 when it never did. Must be instant. */
  readonly lastSuccessMs: (account: AccountFacts) => number;
  /** What shall be left of an account's limits, in percent; only some strategies look at it. */
  readonly floorPercent: number;
}

/** An account's place: the lowest comes first, and equals are ordered by rendezvous. Never NaN. */
export type KeyOf = (account: AccountFacts) => number;

export interface Strategy {
  /**
   * How to place these accounts. Called once per choice, its result once per account; both must be instant and pure, and
   * neither may depend on the order of the list.
   */
  keysFor(accounts: readonly AccountFacts[], facts: StrategyFacts): KeyOf;
}

/**
 * Add this to the key of an account that is to be left alone as long as another may serve, even where a conversation
 * prefers it. Keys of all others are lower.
 */
export const reserveKey = 2 ** 52;
