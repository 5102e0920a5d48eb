/** Which account serves a request: eligible → pinned or preferred → strategy → ring. Pure. */
import type { AccountFacts } from '../accounts/account.ts';
import type { StrategyName } from '../contract/vocabulary.ts';
import { exclusionOf, type Candidate, type Exclusion, type RoutingQuestion } from './eligibility.ts';
import { orderCandidates, type OrderQuestion } from './order-candidates.ts';

export interface ChoiceQuestion
  extends RoutingQuestion, Partial<Pick<OrderQuestion, 'demoted' | 'quota' | 'lastSuccessAt' | 'floorPercent'>> {
  readonly strategy: StrategyName;
  readonly seed: string;
  /** The account that served this conversation last: a preference, never a reason to wait. */
  readonly prefers: string | null;
  /** How many accounts one request may try, the tried ones counted in; all of them when absent. */
  readonly ringSize?: number;
}

export type Choice =
  | {
      readonly kind: 'chosen';
      readonly account: AccountFacts;
      /** The account and those that would follow it, as many as the ring has left. */
      readonly tryList: readonly AccountFacts[];
      readonly exclusions: readonly Exclusion[];
    }
  | { readonly kind: 'none'; readonly exclusions: readonly Exclusion[] };

/** What a strategy learns where nothing is known. */
const nothingKnown = {
  demoted: new Set<string>(),
  quota: () => [],
  lastSuccessAt: () => null,
  floorPercent: 0,
} as const;

/** A ring of one account still is a ring: nothing could be tried otherwise (gateway spec 4.1). */
const smallestRing = 1;

/**
 * @example
 * const { strategy, ringSize, floorPercent } = pools.routingOf(poolId);
 * chooseAccount(candidates, { model, now, seed, strategy, ringSize, floorPercent, quota, pinnedTo, prefers, tried, … })
 */
export function chooseAccount(candidates: readonly Candidate[], question: ChoiceQuestion): Choice {
  const exclusions: Exclusion[] = [];
  const eligible: AccountFacts[] = [];
  for (const candidate of candidates) {
    const exclusion = exclusionOf(candidate, question);
    if (exclusion) exclusions.push(exclusion);
    else eligible.push(candidate.account);
  }
  const ringSize = Math.max(question.ringSize ?? candidates.length, smallestRing);
  const limit = Math.max(ringSize - question.tried.size, 0);
  const tryList = orderCandidates(eligible, { ...nothingKnown, ...question, limit });
  const [account] = tryList;
  if (account) return { kind: 'chosen', account, tryList, exclusions };
  const outside = eligible.map(({ id }) => ({ accountId: id, reason: 'outside_ring', until: null }) as const);
  return { kind: 'none', exclusions: [...exclusions, ...outside] };
}
