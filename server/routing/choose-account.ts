/** Which account serves a request: eligible → pinned or preferred → strategy → ring. Pure. */
import type { AccountFacts } from '../accounts/account.ts';
import { eligibilityFor, type Exclusion } from './eligibility.ts';
import { orderCandidates, type Standing } from './order-candidates.ts';
import type { Scene } from './scene.ts';

export type Choice =
  | {
      readonly kind: 'chosen';
      readonly account: AccountFacts;
      /** The account and those that would follow it, as many as the ring has left. */
      readonly tryList: readonly Standing[];
      /** Whom the chosen one came before; null when nobody else might serve. */
      readonly runnerUp: Standing | null;
      /** Accounts nothing speaks against, in no order. */
      readonly eligible: readonly AccountFacts[];
      readonly exclusions: readonly Exclusion[];
    }
  | { readonly kind: 'none'; readonly exclusions: readonly Exclusion[] };

/** A ring of one account still is a ring: nothing could be tried otherwise (gateway spec 4.1). */
const smallestRing = 1;

/** @example const choice = chooseAccount(gatherScene(question, parts)); if (choice.kind === 'chosen') …choice.account… */
export function chooseAccount(scene: Scene): Choice {
  const exclusions: Exclusion[] = [];
  const eligible: AccountFacts[] = [];
  const exclusionOf = eligibilityFor(scene);
  for (const account of scene.accounts) {
    const exclusion = exclusionOf(account);
    if (exclusion) exclusions.push(exclusion);
    else eligible.push(account);
  }
  if (eligible.length === 0) return { kind: 'none', exclusions };
  const limit = Math.max(Math.max(scene.ringSize, smallestRing) - scene.tried.size, 0);
  // Two at least, so that it can be told what decided between them.
  const best = orderCandidates(eligible, { ...scene, limit: limit === 1 ? 2 : limit });
  const [first, runnerUp = null] = best;
  if (first) {
    return { kind: 'chosen', account: first.account, tryList: best.slice(0, limit), runnerUp, eligible, exclusions };
  }
  return { kind: 'none', exclusions: [...exclusions, ...eligible.map(outsideRing)] };
}

/** An account that may serve, but not this request any more, or not before others. */
export function outsideRing({ id }: AccountFacts): Exclusion {
  return { accountId: id, reason: 'outside_ring', until: null };
}
