/**
 * Who gets a websocket. Everything that can be refused is refused before, as an HTTP answer that its client reads; with
 * 426 Codex uses HTTP for the rest of its session, without a word to its user (wire spec A7.3).
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../contract/gateway-error.ts';
import { authenticatePublic } from '../gateway/public/authenticate-public.ts';
import type { ClientSessions } from '../gateway/sockets/client-sessions.ts';
import type { GatewayParts } from '../gateway/gateway-parts.ts';
import { isPublicPath } from '../gateway/routes.ts';
import type { SocketRoute } from '../gateway/sockets/socket-surface.ts';
import { socketRoutes } from '../gateway/sockets/socket-surfaces.ts';
import type { LimitedLines } from '../observe/line-limit.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, World } from '../world/world.ts';
import { letIn, type Ingress } from './ingress.ts';
import { sayLastWords } from './last-words.ts';
import { renderHttpError } from './map-errors.ts';
import { plainPath } from './plain-path.ts';
import type { WebsocketDoor } from './websocket-door.ts';

export interface UpgradeParts {
  readonly engine: GatewayParts;
  readonly sessions: ClientSessions;
  readonly door: WebsocketDoor;
}

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly connection: Duplex;
  readonly head: Buffer;
}

/** Answers one request for a websocket. */
export function answerUpgrade(upgrade: Upgrade, { ingress, parts, world, strangers, requestId }: UpgradeContext): void {
  const { request, connection } = upgrade;
  const { clock, log } = world;
  connection.on('error', () => connection.destroy());
  let route: SocketRoute | undefined;
  try {
    letIn(request, ingress);
    route = routeOf(pathOf(request));
    if (!parts) throw new GatewayError('not_found');
    if (!route) throw refusalOf(upgrade, parts.engine);
    openClient(upgrade, { ...parts, route, requestId });
    log.info('websocket_opened', { requestId, route: route.path });
  } catch (error) {
    const known = error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
    if (known !== error) log.error('internal_error', { requestId, ...errorFacts(error) });
    const status = refuse(connection, { error: known, path: pathOf(request), requestId, clock });
    strangers.info('upgrade_refused', { requestId, route: route?.path ?? 'unknown', status, errorCode: known.code });
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

/** As for other requests, each segment of a path is decoded once, and a slash at its end says nothing. */
function routeOf(path: string): SocketRoute | undefined {
  const plain = plainPath(path).replace(/\/$/, '');
  return socketRoutes.find((each) => each.path === plain);
}

/** Below `/v1` the key comes first, as for other requests. */
function refusalOf({ request }: Upgrade, engine: GatewayParts): GatewayError {
  if (!isPublicPath(pathOf(request))) return new GatewayError('not_found');
  authenticatePublic({ request, clientAddress: request.socket.remoteAddress ?? null }, engine);
  return new GatewayError('unsupported_endpoint');
}

interface UpgradeContext {
  readonly ingress: Ingress;
  /** null where no clients are served. */
  readonly parts: UpgradeParts | null;
  readonly world: Pick<World, 'clock' | 'log'>;
  /** Lines of calls that anybody can make. */
  readonly strangers: LimitedLines;
  readonly requestId: string;
}

function openClient(
  { request, connection, head }: Upgrade,
  { engine, sessions, door, route, requestId }: UpgradeParts & { route: SocketRoute; requestId: string },
): void {
  const settings = engine.settings();
  if (!settings['gateway.websockets_enabled']) throw new GatewayError('websocket_not_offered');
  const clientAddress = request.socket.remoteAddress ?? null;
  const handshake = { request, clientAddress };
  const client = route.surface.recognise(handshake, engine);
  if (!client.policy) throw new GatewayError('api_key_policy_malformed');
  sessions.admit();
  door.open({
    request,
    connection,
    head,
    headers: { 'x-request-id': requestId, ...route.surface.greet(handshake, { client, parts: engine }) },
    packsFrames: route.surface.packsFrames,
    maxMessageBytes: Math.min(settings['gateway.max_responses_body_bytes'], engine.bodyRooms.largestBytes),
    open: (socket) => sessions.open({ ...handshake, socket, route, owner: client.keyId }),
  });
}

function refuse(
  connection: Duplex,
  { error, path, requestId, clock }: { error: GatewayError; path: string; requestId: string; clock: Clock },
): number {
  const { status, headers, body } = renderHttpError(error, { path, now: clock.now() });
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    ...(status === 426 && { upgrade: 'HTTP/1.1' }),
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'x-request-id': requestId,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const words = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`;
  sayLastWords(connection, { words, clock });
  return status;
}
