/** What every request passes before its route, in this order. */
import type { Middleware } from 'koa';
import { readClientName } from '../gateway/client-name.ts';
import type { LimitedLines } from '../observe/line-limit.ts';
import type { World } from '../world/world.ts';
import { letIn, type Ingress } from './ingress.ts';
import { plainPath } from './plain-path.ts';
import { sendError } from './map-errors.ts';

/** What the middleware leaves on a request. */
export interface CallState {
  requestId: string;
  /** The route that answered, with its parameters unnamed; for logs and metrics. */
  route?: string;
}

export type CallMiddleware = Middleware<CallState>;

export interface MiddlewareParts {
  readonly world: Pick<World, 'clock' | 'random' | 'log'>;
  readonly ingress: Ingress;
}

export interface LoggingParts extends MiddlewareParts {
  /** Of calls that anybody can make. */
  readonly strangers: LimitedLines;
}

export function createMiddleware(parts: LoggingParts): CallMiddleware[] {
  return [assignRequestId(parts), logAccess(parts), mapErrors(parts), checkIngress(parts), readPath];
}

/** Our own id: the client's is the thread's and repeats (wire spec A3.1). */
function assignRequestId({ world }: MiddlewareParts): CallMiddleware {
  return async (ctx, next) => {
    ctx.state.requestId = world.random.id();
    ctx.set('x-request-id', ctx.state.requestId);
    await next();
  };
}

/** Without a key one is refused, or asks for these. */
const openRoutes = new Set(['/healthz', '/readyz']);

function logAccess({ world: { clock, log }, strangers }: LoggingParts): CallMiddleware {
  return async (ctx, next) => {
    const startedMs = clock.monotonicMs();
    ctx.res.once('close', () => {
      const { requestId, route = 'unknown' } = ctx.state;
      const status = ctx.res.writableFinished || ctx.res.headersSent ? ctx.res.statusCode : 499;
      const lines = status >= 400 || openRoutes.has(route) ? strangers : log;
      lines.info('request', {
        requestId,
        method: ctx.method,
        route,
        status,
        durationMs: Math.round(clock.monotonicMs() - startedMs),
        clientName: readClientName(ctx.get('user-agent')),
      });
    });
    await next();
  };
}

function mapErrors({ world: { log, clock } }: MiddlewareParts): CallMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.respond = false;
      sendError(error, { call: { response: ctx.res, path: ctx.path, requestId: ctx.state.requestId }, log, clock });
    }
  };
}

function checkIngress({ ingress }: MiddlewareParts): CallMiddleware {
  return async (ctx, next) => {
    letIn(ctx.req, ingress);
    await next();
  };
}

/** `/v1/%6dodels` is `/v1/models`; most paths are written plainly and stay as they are. */
const readPath: CallMiddleware = async (ctx, next) => {
  if (/%|\/\.{1,2}(?:\/|$)/.test(ctx.path)) ctx.path = plainPath(ctx.path);
  await next();
};
