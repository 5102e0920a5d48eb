/** What an exchange asks of routing. Pure. */
import { concreteTier, type ModelLack } from '../../catalog/model-abilities.ts';
import type { PoolRouting } from '../../contract/pools.ts';
import type { RouteClass } from '../../contract/vocabulary.ts';
import type { ModelNeeds } from '../../routing/eligibility.ts';
import type { Scene } from '../../routing/scene.ts';
import type { Continuation } from '../continuity/decide-continuation.ts';
import type { Ask, Exchange } from '../exchange.ts';

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
  readonly continuity: Scene['continuity'];
  /** Accounts that failed this request already. */
  readonly tried: ReadonlySet<string>;
}

/** What is known of where a conversation has been, and what its attempts showed so far. */
export interface Ties {
  readonly continuation: Omit<Continuation, 'isTorn'>;
  readonly tried: ReadonlySet<string>;
}

/** @example chooseAccount(gatherScene(questionOf(exchange, { continuation, tried }), parts)) */
export function questionOf(
  { client, ask, routeClass, routing }: Exchange,
  { continuation: { pinnedTo, prefers, seed, why, locality }, tried }: Ties,
): SceneQuestion {
  return {
    poolId: client.poolId,
    keyId: client.keyId,
    routeClass,
    // Only the rendezvous keeps equal seeds together, whatever limits and loads are.
    routing: locality === 'applied' ? { ...routing, strategy: 'bridge_ring' } : routing,
    model: ask.model,
    needs: needsOf(ask),
    isCompaction: ask.isCompaction,
    seed,
    prefers,
    pinnedTo,
    continuity: { reason: why, locality },
    tried,
  };
}

/** An effort of `none` asks for no reasoning, and no effort for whatever the model does by itself. */
export function needsOf(
  ask: Pick<Ask, 'service' | 'requestedTier' | 'reasoningEffort' | 'wantsStream' | 'hasImages' | 'hasTools'>,
): ModelNeeds {
  if (ask.service?.isUnlisted) return { tier: null, abilities: [], isUnlisted: true };
  const abilities: ModelLack[] = ['responses'];
  if (ask.wantsStream) abilities.push('streaming');
  if (ask.hasImages) abilities.push('images');
  if (ask.hasTools) abilities.push('tools');
  if (ask.reasoningEffort !== null && ask.reasoningEffort !== 'none') abilities.push('reasoning');
  return { tier: concreteTier(ask.requestedTier), abilities };
}
