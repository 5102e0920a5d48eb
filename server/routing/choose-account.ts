/** Which account serves a request: eligible → pinned or preferred → strategy. Pure. */
import type { AccountFacts } from '../accounts/account.ts';
import type { StrategyName } from '../contract/vocabulary.ts';
import { exclusionOf, type Candidate, type Exclusion, type RoutingQuestion } from './eligibility.ts';
import { strategyByName } from './strategies/index.ts';

export interface ChoiceQuestion extends RoutingQuestion {
  readonly strategy: StrategyName;
  readonly seed: string;
  /** The account that served this conversation last: a preference, never a reason to wait. */
  readonly prefers: string | null;
}

export type Choice =
  | { readonly kind: 'chosen'; readonly account: AccountFacts; readonly exclusions: readonly Exclusion[] }
  | { readonly kind: 'none'; readonly exclusions: readonly Exclusion[] };

/**
 * @example chooseAccount(candidates, { model, now, seed, strategy: 'bridge_ring', pinnedTo: null, prefers: null, tried })
 */
export function chooseAccount(candidates: readonly Candidate[], question: ChoiceQuestion): Choice {
  const exclusions: Exclusion[] = [];
  const eligible: AccountFacts[] = [];
  for (const candidate of candidates) {
    const exclusion = exclusionOf(candidate, question);
    if (exclusion) exclusions.push(exclusion);
    else eligible.push(candidate.account);
  }
  const preferred = eligible.find(({ id }) => id === question.prefers);
  const account = preferred ?? strategyByName[question.strategy].order(eligible, question)[0];
  return account ? { kind: 'chosen', account, exclusions } : { kind: 'none', exclusions };
}
