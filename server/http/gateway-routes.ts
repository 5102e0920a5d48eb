/** Mounts the client-facing paths: inference, the model list, limits, and the answer to a websocket that is not offered. */
import type { IncomingMessage } from 'node:http';
import type Router from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { handleRequest, type GatewayParts } from '../gateway/handle-request.ts';
import { modelListOf } from '../gateway/model-list.ts';
import { poolUsage } from '../gateway/pool-usage.ts';
import { gatewayRoutes, modelPaths, usagePaths, websocketPaths } from '../gateway/routes.ts';
import type { Client } from '../api-keys/key-book.ts';
import type { CallState } from './middleware.ts';

export function mountGateway(router: Router<CallState>, parts: GatewayParts): void {
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
      const client = clientOf(ctx.req, parts);
      const { poolId, policy } = client;
      const servingModeOf = (model: string) => parts.pools.servingModeOf(poolId, model);
      const { body, etag } = modelListOf({ catalog: parts.catalogOf(poolId), policy, servingModeOf });
      ctx.set('etag', etag);
      ctx.type = 'application/json';
      ctx.body = body;
    });
  }

  for (const path of usagePaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const client = clientOf(ctx.req, parts);
      const accounts = parts.book.inPool(client.poolId);
      const rows = accounts.map((account) => ({ account, readings: parts.board.limits(account.id, null) }));
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

function clientOf({ headers, socket }: IncomingMessage, { keys }: GatewayParts): Client {
  return keys.authenticate({ authorization: headers.authorization, address: socket.remoteAddress ?? null });
}
