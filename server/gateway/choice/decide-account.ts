/** The choice of an account for one attempt of an exchange, from one moment's facts. */
import type { AccountFacts } from '../../accounts/account.ts';
import type { StoredDecision } from '../../contract/decisions.ts';
import { chooseAccount, type Choice } from '../../routing/choose-account.ts';
import { localityAmong } from '../../routing/locality-among.ts';
import { recordDecision } from '../../routing/record-decision.ts';
import type { Scene } from '../../routing/scene.ts';
import type { Exchange } from '../exchange.ts';
import { gatherScene, type SceneParts } from './gather-scene.ts';
import { questionOf, type Ties } from './scene-question.ts';

export interface Decided {
  readonly scene: Scene;
  readonly choice: Choice;
}

type DecidingParts = Ties & { readonly parts: SceneParts };

/** The choice among those that were not tried yet. */
export function decideAccount(exchange: Exchange, { parts, ...ties }: DecidingParts): Decided {
  const decided = look(exchange, { parts, ...ties });
  const { scene, choice } = decided;
  if (ties.tried.size === 0) noteLocality(exchange, scene.accounts.length - choice.exclusions.length);
  return decided;
}

/**
 * The record of an attempt whose account was not chosen but follows from a fault: it sealed what another could not
 * open, or gets the request once more without that. What is told of the others is true; that it was tried is not what
 * speaks against it here.
 */
export function recordOfRemedy(
  exchange: Exchange,
  { account: { id }, continuation, tried, parts }: DecidingParts & { readonly account: AccountFacts },
): StoredDecision {
  const others = new Set([...tried].filter((accountId) => accountId !== id));
  const { scene, choice } = look(exchange, { parts, continuation: { ...continuation, pinnedTo: id }, tried: others });
  return { ...recordDecision(scene, choice), decidedBy: 'sealed' };
}

function look(exchange: Exchange, { parts, ...ties }: DecidingParts): Decided {
  const scene = gatherScene(questionOf(exchange, ties), parts);
  return { scene, choice: chooseAccount(scene) };
}

/** How many could serve is known only now. */
function noteLocality(exchange: Exchange, eligibleCount: number): void {
  const { continuation } = exchange;
  if (!continuation) return;
  exchange.continuation = { ...continuation, locality: localityAmong(continuation.locality, eligibleCount) };
}
