/** Hands a call to one of the gateway's stories, which answers it by itself: the router has no more to say. */
import type { RouterContext } from '@koa/router';
import type { IncomingCall } from '../gateway/gateway-parts.ts';
import type { CallState } from './middleware.ts';

export function handOver<Route extends { readonly path: string }>(
  ctx: RouterContext<CallState>,
  route: Route,
): IncomingCall<Route> {
  ctx.state.route = route.path;
  ctx.respond = false;
  const { req: request, res: response } = ctx;
  return { request, response, requestId: ctx.state.requestId, clientAddress: addressOf(ctx), route };
}

/** Where a call comes from; null once its connection is gone. */
export function addressOf({ req }: Pick<RouterContext<CallState>, 'req'>): string | null {
  return req.socket.remoteAddress ?? null;
}
