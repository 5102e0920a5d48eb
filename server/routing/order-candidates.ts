/**
 * The order in which a request tries the accounts that may serve it: what the strategy says, the conversation's own
 * account to the front, whoever just failed to the end, cut to the Pool's ring (gateway spec 4.1). Pure.
 */
import type { AccountFacts } from '../accounts/account.ts';
import type { StrategyName } from '../contract/vocabulary.ts';
import { affinityScore, fingerprintOf } from '../lib/rendezvous.ts';
import { strategyByName } from './strategies/index.ts';
import { reserveKey, type StrategyFacts } from './strategies/strategy.ts';

export interface OrderQuestion extends StrategyFacts {
  readonly strategy: StrategyName;
  /** The account that served this conversation last: to the front. */
  readonly prefers: string | null;
  /** Accounts that failed this conversation's kind of request just now: to the end, whoever prefers them. */
  readonly demoted: ReadonlySet<string>;
  readonly model: string;
  /**
   * Accounts whose list says that the model compacts go before all others. Nobody is left out: a list that says nothing
   * may only be an older one (gateway spec 3, stage 7).
   */
  readonly isCompaction: boolean;
  /** Accounts whose limit is used up and whose credits are spent instead: after all others. Must be instant. */
  readonly isOnCredits: (account: AccountFacts) => boolean;
  /** How many accounts to name at most. */
  readonly limit: number;
}

/**
 * Where an account stands before its strategy's key is looked at, as a sum; the lowest comes first. So demotion wins
 * over preference, what a strategy keeps in reserve comes after both, what costs credits after that, and who may not
 * know how to compact last of all.
 */
export const tiers = { notPreferred: 1, demoted: 2, reserve: 4, onCredits: 8, notCompacting: 16 } as const;

/** Where one account stands among those that may serve. */
export interface Standing {
  readonly account: AccountFacts;
  /** A sum of {@link tiers}. */
  readonly tier: number;
  /** The strategy's own. */
  readonly key: number;
  readonly score: number;
}

/**
 * The first `limit` accounts, in order; does not depend on the order in which they are given.
 *
 * @example orderCandidates(eligible, { ...facts, strategy: 'bridge_ring', prefers: null, demoted: new Set(), limit: 3 })
 */
export function orderCandidates(accounts: readonly AccountFacts[], question: OrderQuestion): Standing[] {
  const { limit, prefers } = question;
  const keyOf = strategyByName[question.strategy].keysFor(accounts, question);
  const burdenOf = burdensFor(question);
  const seed = fingerprintOf(question.seed);
  // A ring names few of many: keeping the best few sorted beats sorting all, and most accounts cost one comparison.
  const best: Standing[] = [];
  for (const account of limit < 1 ? [] : accounts) {
    const last = best[limit - 1];
    const key = keyOf(account);
    const tier = (account.id === prefers ? 0 : tiers.notPreferred) + (key >= reserveKey ? tiers.reserve : 0);
    // Scored only where tier and key leave it open, and burdened only who would be among the best without.
    if (last && (tier > last.tier || (tier === last.tier && key > last.key))) continue;
    const score = affinityScore(seed, account.held.fingerprint);
    if (last && tier === last.tier && key === last.key && score < last.score) continue;
    const standing = { account, tier: tier + burdenOf(account), key, score };
    if (last && !comesBefore(standing, last)) continue;
    insert(best, standing);
    if (best.length > limit) best.pop();
  }
  return best;
}

/** What only ever puts an account further back, as a sum of {@link tiers}. */
function burdensFor({ demoted, isCompaction, isOnCredits, model }: OrderQuestion) {
  return (account: AccountFacts): number => {
    let tier = demoted.has(account.id) ? tiers.demoted : 0;
    if (isOnCredits(account)) tier += tiers.onCredits;
    if (isCompaction && !account.models?.get(model)?.compacts) tier += tiers.notCompacting;
    return tier;
  };
}

/** Puts one more where it belongs, found by halving. */
function insert(best: Standing[], standing: Standing): void {
  let from = 0;
  let to = best.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (comesBefore(standing, best[middle]!)) to = middle;
    else from = middle + 1;
  }
  best.splice(from, 0, standing);
}

/** By tier, then the strategy's key, then rendezvous, then id, so no two accounts are equal. */
function comesBefore(a: Standing, b: Standing): boolean {
  const difference = a.tier - b.tier || a.key - b.key || b.score - a.score;
  return difference === 0 ? a.account.id < b.account.id : difference < 0;
}
