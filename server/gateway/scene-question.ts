/** What an exchange asks of routing. Pure. */
import { concreteTier, type ModelLack } from '../catalog/model-abilities.ts';
import type { PoolRouting } from '../contract/pools.ts';
import type { RouteClass } from '../contract/vocabulary.ts';
import type { ModelNeeds } from '../routing/eligibility.ts';
import type { Ask, Exchange } from './exchange.ts';

/** What somebody wants served, as far as the choice of an account is concerned. */
export interface SceneQuestion {
  readonly poolId: string;
  readonly keyId: string;
  readonly routeClass: RouteClass;
  readonly routing: PoolRouting;
  readonly model: string;
  readonly needs: ModelNeeds;
  readonly isCompaction: boolean;
  /** What the order may depend on so that the same conversation meets the same order. */
  readonly seed: string;
  /** The account that served this conversation last. */
  readonly prefers: string | null;
  /** The only account that can serve this conversation. */
  readonly pinnedTo: string | null;
  /** Accounts that failed this request already. */
  readonly tried: ReadonlySet<string>;
}

/** What is known of where a conversation has been, and what its attempts showed so far. */
export interface Ties {
  readonly prefers: string | null;
  readonly pinnedTo: string | null;
  readonly tried: ReadonlySet<string>;
}

/** @example chooseAccount(gatherScene(questionOf(exchange, { prefers, pinnedTo, tried }), parts)) */
export function questionOf({ id, client, ask, routeClass, routing }: Exchange, ties: Ties): SceneQuestion {
  return {
    poolId: client.poolId,
    keyId: client.keyId,
    routeClass,
    routing,
    model: ask.model,
    needs: needsOf(ask),
    isCompaction: ask.isCompaction,
    seed: `${client.keyId}:${ask.threadAnchors[0] ?? id}`,
    ...ties,
  };
}

/** An effort of `none` asks for no reasoning, and no effort for whatever the model does by itself. */
export function needsOf(
  ask: Pick<Ask, 'requestedTier' | 'reasoningEffort' | 'wantsStream' | 'hasImages' | 'hasTools'>,
): ModelNeeds {
  const abilities: ModelLack[] = ['responses'];
  if (ask.wantsStream) abilities.push('streaming');
  if (ask.hasImages) abilities.push('images');
  if (ask.hasTools) abilities.push('tools');
  if (ask.reasoningEffort !== null && ask.reasoningEffort !== 'none') abilities.push('reasoning');
  return { tier: concreteTier(ask.requestedTier), abilities };
}
