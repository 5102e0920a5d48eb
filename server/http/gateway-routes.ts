/** Mounts the client-facing paths: inference, the model list, limits, and the answer to a websocket that is not offered. */
import type Router from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { handleRequest, type GatewayParts } from '../gateway/handle-request.ts';
import { modelListOf } from '../gateway/model-list.ts';
import { poolUsage } from '../gateway/pool-usage.ts';
import { gatewayRoutes, modelPaths, usagePaths, websocketPaths } from '../gateway/routes.ts';
import type { UnionCatalog } from '../catalog/union-catalog.ts';
import type { CallState } from './middleware.ts';

export interface GatewayRouteParts extends GatewayParts {
  /** The model list of a Pool. */
  readonly catalogOf: (poolId: string) => UnionCatalog;
}

export function mountGateway(router: Router<CallState>, parts: GatewayRouteParts): void {
  for (const route of gatewayRoutes) {
    router.post(route.path, async (ctx) => {
      ctx.state.route = route.path;
      ctx.respond = false;
      const clientAddress = ctx.req.socket.remoteAddress ?? null;
      await handleRequest(
        { request: ctx.req, response: ctx.res, requestId: ctx.state.requestId, clientAddress, route },
        parts,
      );
    });
  }

  for (const path of modelPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const client = parts.keys.authenticate(ctx.req.headers.authorization);
      const { body, etag } = modelListOf(parts.catalogOf(client.poolId), client);
      ctx.set('etag', etag);
      ctx.type = 'application/json';
      ctx.body = body;
    });
  }

  for (const path of usagePaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const client = parts.keys.authenticate(ctx.req.headers.authorization);
      const accounts = parts.book.inPool(client.poolId);
      const rows = accounts.map((account) => ({ account, readings: parts.board.readings(account.id) }));
      ctx.body = poolUsage(rows, parts.clock.now());
    });
  }

  for (const path of websocketPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      throw new GatewayError('websocket_not_offered');
    });
  }
}
