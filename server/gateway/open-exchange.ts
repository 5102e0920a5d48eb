/** Begins an exchange: what is known of a request when it is admitted, frozen for its whole life. */
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Client } from '../api-keys/key-book.ts';
import type { LimitBook } from '../api-keys/limit-book.ts';
import type { Settings } from '../contract/settings.ts';
import type { RouteClass } from '../contract/vocabulary.ts';
import type { PoolBook } from '../pools/pool-book.ts';
import type { Clock } from '../world/world.ts';
import { readClientName } from './client-name.ts';
import type { Ask, Exchange } from './exchange.ts';

export interface ExchangeStart {
  readonly requestId: string;
  readonly request: Pick<IncomingMessage, 'headers'>;
  /** The route that was called, for records. */
  readonly route: { readonly path: string };
  readonly clientAddress: string | null;
  readonly client: Client;
  readonly ask: Ask;
  readonly settings: Settings;
  /** Aborts when the client leaves, or when the gateway stops and will not wait longer. */
  readonly signal: AbortSignal;
  /** A turn of a websocket; else a request of HTTP. */
  readonly isTurn?: boolean;
  /** By `socketOwnerOf`, where the call came over a websocket. */
  readonly socketOwner?: string | null;
  /** The client's name for this turn, where it gave one. */
  readonly turnId?: string | null;
}

export function openExchange(
  start: ExchangeStart,
  parts: { clock: Clock; limits: LimitBook; pools: PoolBook },
): Exchange {
  const { requestId, request, route, clientAddress, client, ask, settings, signal, isTurn = false } = start;
  const { turnId = null } = start;
  return {
    id: requestId,
    client,
    ask,
    endpoint: route.path,
    routeClass: isTurn ? 'proxy_websocket' : routeClassOf(ask),
    transport: isTurn ? 'websocket' : ask.wantsStream ? 'http_sse' : 'http_json',
    socketOwner: start.socketOwner ?? null,
    turnSha256: turnId === null ? null : hash('sha256', `${client.keyId}\n${turnId}`, 'base64'),
    settings,
    limits: parts.limits.of({ keyId: client.keyId, model: ask.model }),
    routing: parts.pools.routingOf(client.poolId),
    clientAddress,
    clientName: readClientName(request.headers['user-agent']),
    admittedAt: parts.clock.now(),
    admittedMs: parts.clock.monotonicMs(),
    signal,
    attempts: [],
    faults: [],
    continuation: null,
    shed: null,
    deadEnd: null,
    compressed: null,
    isReserved: false,
    isCommitted: false,
    firstByteMs: null,
    responseStatus: null,
    responseBytes: 0,
  };
}

function routeClassOf({ service, isCompaction, wantsStream }: Ask): RouteClass {
  if (service) return service.routeClass;
  if (isCompaction) return 'proxy_compact';
  return wantsStream ? 'proxy_stream' : 'proxy_http';
}
