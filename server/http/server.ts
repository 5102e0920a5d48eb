/** The HTTP server: Koa with the middleware list and the mounted routes, and limits that are set on purpose. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import Router from '@koa/router';
import Koa from 'koa';
import { GatewayError } from '../contract/gateway-error.ts';
import { systemCodeOf } from '../data-folder/start-problem.ts';
import { limitLines } from '../observe/line-limit.ts';
import { errorFacts } from '../observe/log.ts';
import { sayLastWords } from './last-words.ts';
import { answerUpgrade, type UpgradeParts } from './upgrades.ts';
import { allowedMethods } from './allowed-methods.ts';
import { boundConnections } from './open-connections.ts';
import { createMiddleware, type CallState, type MiddlewareParts } from './middleware.ts';

/** Puts a room's paths on the router. */
export type MountRoutes = (router: Router<CallState>) => void;

export interface HttpServerParts extends MiddlewareParts {
  /** Each mounts its paths; the order does not matter, paths do not overlap. */
  readonly mounts: readonly MountRoutes[];
  /** What websockets need; null where no clients are served. */
  readonly upgrades: UpgradeParts | null;
  /** Open at the same time. */
  readonly maxConnections: () => number;
}

/** A client that sends no complete head in this time is not one of ours (slowloris). */
const headersTimeoutMs = 30_000;
/** Bodies of tens of megabytes over slow links need minutes; pauses inside a body have their own, shorter limit. */
const requestTimeoutMs = 300_000;
/** Longer than clients keep idle connections, so that it is they who close and no request meets a closing socket. */
const keepAliveTimeoutMs = 75_000;
/** As long as the provider may be silent. */
const unreadMs = 300_000;
/** Codex sends up to a kilobyte of turn metadata in one header (wire spec A3.1). */
const maxHeaderBytes = 64 * 1024;
const maxHeaders = 200;
/** To what is no HTTP. */
const badRequest = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

export function createHttpServer(parts: HttpServerParts): Server {
  const { log } = parts.world;
  const koa = new Koa<CallState>();
  const router = new Router<CallState>();
  for (const mount of parts.mounts) mount(router);
  const strangers = limitLines(parts.world);
  for (const middleware of createMiddleware({ ...parts, strangers })) koa.use(middleware);
  koa.use(router.routes());
  koa.use((ctx) => {
    const allowed = allowedMethods(router, ctx);
    if (allowed === '') throw new GatewayError('not_found');
    ctx.set('allow', allowed);
    throw new GatewayError('method_not_allowed');
  });
  koa.on('error', (error: unknown) => {
    if (!isOfClientWhoLeft(error)) log.error('http_error', errorFacts(error));
  });

  const handle = koa.callback();
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: requestTimeoutMs,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Offers of another protocol (`h2c`) are ignored, as RFC 9110 §7.8 allows: the request is answered as it stands.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxHeadersCount = maxHeaders;

  boundConnections(server, { most: parts.maxConnections });
  server.on('request', (request, response) => {
    cutOffUnread(response);
    void handle(request, response);
  });
  // The client may send its body only once it is known who asks; `readBody` is what makes it go on.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // A request that was refused unread is resumed as well, when the rest of it is thrown away.
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue();
    });
    cutOffUnread(response);
    void handle(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    const { upgrades, ingress, world } = parts;
    const requestId = world.random.id();
    answerUpgrade({ request, connection, head }, { ingress, parts: upgrades, world, strangers, requestId });
  });
  server.on('clientError', (_error: Error, socket: Duplex) => {
    if (socket.writable) sayLastWords(socket, { words: badRequest, clock: parts.world.clock });
    else socket.destroy();
  });
  return server;
}

/** An answer that is all said and never taken would keep its connection, and its bytes, for ever. */
function cutOffUnread(response: ServerResponse): void {
  response.once('prefinish', () => response.setTimeout(unreadMs, () => response.destroy()));
}

/** What a write says of a connection whose client is gone: nobody's error, and the access log tells of it. */
function isOfClientWhoLeft(error: unknown): boolean {
  return error instanceof Error && ['EPIPE', 'ECONNRESET', 'ECONNABORTED'].includes(String(systemCodeOf(error)));
}
