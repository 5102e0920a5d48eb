/** Mounts the client-facing paths: inference, the model list, limits, and what a plain request for a websocket is told. */
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { accountsCheck, savedResets } from '../gateway/native/account-services.ts';
import { authenticateNative } from '../gateway/native/authenticate-native.ts';
import type { GatewayParts } from '../gateway/gateway-parts.ts';
import { handleRequest } from '../gateway/handle-request.ts';
import { handleService } from '../gateway/native/handle-service.ts';
import { modelListOf } from '../gateway/native/model-list.ts';
import { poolUsage } from '../gateway/native/pool-usage.ts';
import { accountsCheckPaths, gatewayRoutes, modelPaths, savedResetPaths, usagePaths } from '../gateway/routes.ts';
import { serviceRoutes } from '../gateway/native/services.ts';
import { socketRoutes } from '../gateway/sockets/socket-surfaces.ts';
import type { Client } from '../api-keys/key-book.ts';
import { addressOf, handOver } from './hand-over.ts';
import { inSeat } from './in-seat.ts';
import type { CallState } from './middleware.ts';

export function mountGateway(router: Router<CallState>, parts: GatewayParts): void {
  for (const route of gatewayRoutes)
    router.register(route.path, [route.method], (ctx) => handleRequest(handOver(ctx, route), parts));

  for (const route of serviceRoutes)
    router.register(route.path, [route.method], (ctx) =>
      handleService({ ...handOver(ctx, route), fileId: ctx.params['fileId'] ?? null }, parts),
    );

  for (const path of modelPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const client = clientOf(ctx, parts);
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
      const client = clientOf(ctx, parts);
      const accounts = parts.book.inPool(client.poolId);
      const rows = accounts.map((account) => ({ account, readings: parts.board.limits(account.id, null) }));
      ctx.body = poolUsage(rows, parts.clock.now());
    });
  }

  for (const path of accountsCheckPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const { poolId } = clientOf(ctx, parts);
      ctx.body = accountsCheck({ clientAccountId: ctx.get('chatgpt-account-id') || undefined, poolId });
    });
  }

  for (const path of savedResetPaths) {
    router.get(path, async (ctx) => {
      ctx.state.route = path;
      const { poolId, keyId } = clientOf(ctx, parts);
      const work = () => Promise.all(parts.book.inPool(poolId).map(({ id }) => parts.savedResets(id)));
      const lists = await inSeat(ctx, { ...parts, lane: 'proxy_http', owner: keyId, work });
      ctx.body = savedResets(lists.flat());
    });
  }

  for (const { path, surface } of socketRoutes) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      surface.recognise({ request: ctx.req, clientAddress: addressOf(ctx) }, parts);
      const isOffered = parts.settings()['gateway.websockets_enabled'];
      throw new GatewayError(isOffered ? 'websocket_upgrade_required' : 'websocket_not_offered');
    });
  }
}

function clientOf(ctx: RouterContext<CallState>, parts: GatewayParts): Client {
  return authenticateNative({ request: ctx.req, clientAddress: addressOf(ctx) }, parts);
}
