/** Which account serves a request: eligible → pinned or preferred → strategy → ring. Pure. */
import type { AccountFacts } from '../accounts/account.ts';
import { exclusionOf, type Exclusion } from './eligibility.ts';
import { orderCandidates } from './order-candidates.ts';
import type { Scene } from './scene.ts';

export type Choice =
  | {
      readonly kind: 'chosen';
      readonly account: AccountFacts;
      /** The account and those that would follow it, as many as the ring has left. */
      readonly tryList: readonly AccountFacts[];
      readonly exclusions: readonly Exclusion[];
    }
  | { readonly kind: 'none'; readonly exclusions: readonly Exclusion[] };

/** A ring of one account still is a ring: nothing could be tried otherwise (gateway spec 4.1). */
const smallestRing = 1;

/** @example const choice = chooseAccount(gatherScene(question, parts)); if (choice.kind === 'chosen') …choice.account… */
export function chooseAccount(scene: Scene): Choice {
  const exclusions: Exclusion[] = [];
  const eligible: AccountFacts[] = [];
  for (const account of scene.accounts) {
    const exclusion = exclusionOf(account, scene);
    if (exclusion) exclusions.push(exclusion);
    else eligible.push(account);
  }
  const limit = Math.max(Math.max(scene.ringSize, smallestRing) - scene.tried.size, 0);
  const tryList = orderCandidates(eligible, { ...scene, limit });
  const [account] = tryList;
  if (account) return { kind: 'chosen', account, tryList, exclusions };
  const outside = eligible.map(({ id }) => ({ accountId: id, reason: 'outside_ring', until: null }) as const);
  return { kind: 'none', exclusions: [...exclusions, ...outside] };
}
