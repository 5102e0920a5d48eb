/** What a scene leads to, in the words of an explanation: the record of its choice, and the error when there is nobody. Pure. */
import { Decision, type Explanation } from '../../contract/decisions.ts';
import { chooseAccount } from '../../routing/choose-account.ts';
import { recordDecision } from '../../routing/record-decision.ts';
import type { Scene } from '../../routing/scene.ts';
import type { Exchange } from '../exchange.ts';
import { refusalOf } from '../refusals/refusal.ts';

export interface FoundRoute {
  /** null when nobody may serve. */
  readonly accountId: string | null;
  readonly errorCode: string | null;
  readonly decision: Decision;
}

/** @example findRoute(gatherScene(question, parts), continuation).accountId */
export function findRoute(scene: Scene, continuation: Exchange['continuation']): FoundRoute {
  const choice = chooseAccount(scene);
  const decision = Decision.parse(recordDecision(scene, choice));
  if (choice.kind === 'chosen') return { accountId: choice.account.id, errorCode: null, decision };
  const refusal = refusalOf({ exclusions: choice.exclusions, faults: [], continuation, now: scene.now });
  return { accountId: null, errorCode: refusal.code, decision };
}

/** The one choice of a request that was only imagined: nothing was tried. */
export function imaginedChoice({ accountId, decision }: FoundRoute): Explanation['choices'][number] {
  return { attempt: null, status: null, errorCode: null, retryReason: null, accountId, decision };
}
