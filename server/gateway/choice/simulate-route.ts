/**
 * Where a request would go now, found by the functions that serve real ones. Nothing is sent, reserved or noted: no
 * circuit is tried, no conversation claimed.
 */
import type { Client, KeyBook } from '../../api-keys/key-book.ts';
import type { LimitBook } from '../../api-keys/limit-book.ts';
import type { LimitedAsk } from '../../api-keys/limit-in-the-way.ts';
import type { Prices } from '../../catalog/prices.ts';
import type { UnionCatalog } from '../../catalog/union-catalog.ts';
import type { Explanation } from '../../contract/decisions.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { LimitRefusal } from '../../contract/limits.ts';
import type { Settings } from '../../contract/settings.ts';
import type { PoolBook } from '../../pools/pool-book.ts';
import type { Clock, Random } from '../../world/world.ts';
import { applyKeyPolicy } from '../apply-key-policy.ts';
import type { Continuity } from '../continuity/continuity.ts';
import { readCodexAsk } from '../dialects/codex/read-ask.ts';
import { findRoute, imaginedChoice, type FoundRoute } from './find-route.ts';
import { gatherScene, type SceneParts } from './gather-scene.ts';
import { openExchange } from '../open-exchange.ts';
import { routeStepsOf } from './route-steps.ts';
import { gatewayRoutes } from '../routes.ts';
import { questionOf } from './scene-question.ts';
import { estimateOf } from '../records/settle-exchange.ts';

export interface SimulationParts extends SceneParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Pick<KeyBook, 'named' | 'whyEnded' | 'allows'>;
  readonly pools: PoolBook;
  readonly limits: LimitBook;
  readonly continuity: Pick<Continuity, 'recall' | 'continuationOf'>;
  readonly catalogOf: (poolId: string) => UnionCatalog;
  readonly settings: () => Settings;
  readonly prices: Prices;
  /** Asks the key's limits and takes nothing from them. */
  readonly limitInTheWay: (ask: LimitedAsk) => Promise<LimitRefusal | null>;
}

/** What would be asked. */
export interface Simulation {
  readonly key: string;
  readonly model: string;
  readonly address?: string | undefined;
  readonly thread?: string | undefined;
  readonly promptCacheKey?: string | undefined;
  readonly serviceTier?: string | undefined;
  readonly effort?: string | undefined;
  readonly isCompaction: boolean;
  readonly hasImages: boolean;
  readonly hasTools: boolean;
  /** How long what is sent would be; a real request is counted by its bytes. */
  readonly inputTokens: number;
  /** The longest answer it would ask for. */
  readonly outputTokens?: number | undefined;
}

/** Why it would go nowhere. */
interface Refused {
  readonly errorCode?: string | null;
  /** The limit that has no room for it. */
  readonly limit?: LimitRefusal | null;
}

type Outcome = Omit<Explanation, 'accounts'>;

/** @throws {GatewayError} `api_key_not_found`, `conflict` when the name is that of several keys */
export async function simulateRoute(simulation: Simulation, parts: SimulationParts): Promise<Outcome> {
  const client = clientNamed(simulation.key, parts);
  const asked = readCodexAsk(requestOf(simulation));
  const entries = parts.catalogOf(client.poolId).entries;
  const { ask, refusal } = applyKeyPolicy(asked, { policy: client.policy, entries });
  const exchange = openExchange(
    {
      requestId: parts.random.id(),
      request: { headers: {} },
      route: { path: '' },
      clientAddress: null,
      client,
      ask,
      settings: parts.settings(),
      signal: new AbortController().signal,
    },
    parts,
  );
  const at = parts.clock.now();
  const told = (found: FoundRoute | null, { errorCode = null, limit = null }: Refused = {}): Outcome => ({
    request: {
      requestId: null,
      at: found?.decision.at ?? at,
      keyName: client.keyName,
      keyPrefix: client.keyPrefix,
      model: ask.model,
      requestedTier: ask.requestedTier,
      reasoningEffort: ask.reasoningEffort,
      status: null,
      errorCode,
      compression: null,
    },
    steps: routeStepsOf({ errorCode, decision: found?.decision ?? null }),
    limit,
    choices: found ? [imaginedChoice(found)] : [],
  });
  const { address } = simulation;
  const isElsewhere = address !== undefined && !parts.keys.allows(client, address);
  const end = parts.keys.whyEnded(client) ?? (isElsewhere ? 'address_not_allowed' : refusal?.code);
  if (end) return told(null, { errorCode: end });
  await parts.continuity.recall(exchange);
  const continuation = parts.continuity.continuationOf(exchange);
  const scene = gatherScene(questionOf(exchange, { continuation, tried: new Set() }), parts);
  const found = findRoute(scene, continuation);
  if (found.accountId === null) return told(found, { errorCode: found.errorCode });
  // Limits are asked last, as a reservation does: nobody is refused for them whom nobody could serve.
  const estimate = estimateOf(exchange, { prices: parts.prices, inputTokens: simulation.inputTokens });
  const limit = await parts.limitInTheWay({ ...estimate, keyId: client.keyId, model: ask.model, at });
  return limit ? told(null, { errorCode: 'api_key_policy_limit_exceeded', limit }) : told(found);
}

function clientNamed(word: string, { keys }: SimulationParts): Client {
  const [client, other] = keys.named(word);
  if (!client) throw new GatewayError('api_key_not_found', { param: 'key' });
  if (other)
    throw new GatewayError('conflict', { param: 'key', detail: 'Several keys have this name; use the prefix.' });
  return client;
}

/** As a Codex client would write it, as far as the choice looks at it. */
function requestOf(simulation: Simulation): Parameters<typeof readCodexAsk>[0] {
  const { model, thread, promptCacheKey, serviceTier, effort, isCompaction, hasImages, hasTools } = simulation;
  const { outputTokens } = simulation;
  const body = {
    model,
    stream: !isCompaction,
    input: hasImages ? [{ type: 'message', role: 'user', content: [{ type: 'input_image' }] }] : [],
    ...(hasTools && { tools: [{}] }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: promptCacheKey }),
    ...(serviceTier !== undefined && { service_tier: serviceTier }),
    ...(effort !== undefined && { reasoning: { effort } }),
    ...(outputTokens !== undefined && { max_output_tokens: outputTokens }),
  };
  const route = gatewayRoutes.find((each) => each.isCompaction === isCompaction)!;
  return {
    body: Buffer.from(JSON.stringify(body)),
    headers:
      thread === undefined
        ? []
        : [
            ['session-id', thread],
            ['thread-id', thread],
          ],
    upstreamPath: route.upstreamPath,
    isCompaction,
  };
}
