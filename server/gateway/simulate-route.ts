/**
 * Where a request would go now, found by the functions that serve real ones. Nothing is sent, reserved or noted: no
 * circuit is tried, no conversation claimed.
 */
import type { Client, KeyBook } from '../api-keys/key-book.ts';
import type { UnionCatalog } from '../catalog/union-catalog.ts';
import { Decision, type Explanation } from '../contract/decisions.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { Settings } from '../contract/settings.ts';
import type { LimitBook } from '../api-keys/limit-book.ts';
import type { PoolBook } from '../pools/pool-book.ts';
import { chooseAccount } from '../routing/choose-account.ts';
import { recordDecision } from '../routing/record-decision.ts';
import type { Clock, Random } from '../world/world.ts';
import { applyKeyPolicy } from './apply-key-policy.ts';
import type { Continuity } from './continuity/continuity.ts';
import { readCodexAsk } from './dialects/codex/read-ask.ts';
import { gatherScene, type SceneParts } from './gather-scene.ts';
import { openExchange } from './open-exchange.ts';
import { refusalOf } from './refusal.ts';
import { routeStepsOf } from './route-steps.ts';
import { gatewayRoutes } from './routes.ts';
import { questionOf } from './scene-question.ts';

export interface SimulationParts extends SceneParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Pick<KeyBook, 'named' | 'whyEnded'>;
  readonly pools: PoolBook;
  readonly limits: LimitBook;
  readonly continuity: Pick<Continuity, 'recall' | 'continuationOf'>;
  readonly catalogOf: (poolId: string) => UnionCatalog;
  readonly settings: () => Settings;
}

/** What would be asked. */
export interface Simulation {
  readonly key: string;
  readonly model: string;
  readonly thread?: string | undefined;
  readonly promptCacheKey?: string | undefined;
  readonly serviceTier?: string | undefined;
  readonly effort?: string | undefined;
  readonly isCompaction: boolean;
  readonly hasImages: boolean;
  readonly hasTools: boolean;
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
  const told = (decision: Decision | null, errorCode: string | null): Outcome => ({
    request: {
      requestId: null,
      at: decision?.at ?? at,
      keyName: client.keyName,
      keyPrefix: client.keyPrefix,
      model: ask.model,
      requestedTier: ask.requestedTier,
      reasoningEffort: ask.reasoningEffort,
      status: null,
      errorCode,
    },
    steps: routeStepsOf({ errorCode, decision, asksLimits: false }),
    choices: decision ? [{ ...nothingTried, accountId: chosenIn(decision), decision }] : [],
  });
  const end = parts.keys.whyEnded(client) ?? refusal?.code;
  if (end) return told(null, end);
  await parts.continuity.recall(exchange);
  const continuation = parts.continuity.continuationOf(exchange);
  const scene = gatherScene(questionOf(exchange, { continuation, tried: new Set() }), parts);
  const choice = chooseAccount(scene);
  const decision = Decision.parse(recordDecision(scene, choice));
  if (choice.kind === 'chosen') return told(decision, null);
  return told(decision, refusalOf({ exclusions: choice.exclusions, faults: [], continuation, now: scene.now }).code);
}

const nothingTried = { attempt: null, status: null, errorCode: null, retryReason: null };

function chosenIn({ candidates }: Decision): string | null {
  return candidates.find(({ rank }) => rank === 1)?.accountId ?? null;
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
  const body = {
    model,
    stream: !isCompaction,
    input: hasImages ? [{ type: 'message', role: 'user', content: [{ type: 'input_image' }] }] : [],
    ...(hasTools && { tools: [{}] }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: promptCacheKey }),
    ...(serviceTier !== undefined && { service_tier: serviceTier }),
    ...(effort !== undefined && { reasoning: { effort } }),
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
