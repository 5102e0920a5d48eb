/** Mounts the client-facing paths: inference, the model list, limits, and what a plain request for a websocket is told. */
import type { IncomingMessage } from 'node:http';
import type Router from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { accountsCheck, savedResets } from '../gateway/account-services.ts';
import { handleRequest, type GatewayParts } from '../gateway/handle-request.ts';
import { handleService } from '../gateway/handle-service.ts';
import { modelListOf } from '../gateway/model-list.ts';
import { poolUsage } from '../gateway/pool-usage.ts';
import {
  accountsCheckPaths,
  gatewayRoutes,
  modelPaths,
  savedResetPaths,
  usagePaths,
  websocketPaths,
} from '../gateway/routes.ts';
import { serviceRoutes } from '../gateway/services.ts';
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

  for (const route of serviceRoutes) {
    router.post(route.path, async (ctx) => {
      ctx.state.route = route.path;
      ctx.respond = false;
      const clientAddress = ctx.req.socket.remoteAddress ?? null;
      const fileId = ctx.params['fileId'] ?? null;
      const { req: request, res: response } = ctx;
      await handleService({ request, response, requestId: ctx.state.requestId, clientAddress, route, fileId }, parts);
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

  for (const path of accountsCheckPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      const { poolId } = clientOf(ctx.req, parts);
      ctx.body = accountsCheck({ clientAccountId: ctx.get('chatgpt-account-id') || undefined, poolId });
    });
  }

  for (const path of savedResetPaths) {
    router.get(path, async (ctx) => {
      ctx.state.route = path;
      const { poolId } = clientOf(ctx.req, parts);
      const lists = await Promise.all(parts.book.inPool(poolId).map(({ id }) => parts.savedResets(id)));
      ctx.body = savedResets(lists.flat());
    });
  }

  for (const path of websocketPaths) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      clientOf(ctx.req, parts);
      const isOffered = parts.settings()['gateway.websockets_enabled'];
      throw new GatewayError(isOffered ? 'websocket_upgrade_required' : 'websocket_not_offered');
    });
  }
}

function clientOf({ headers, socket }: IncomingMessage, { keys }: GatewayParts): Client {
  return keys.authenticate({ authorization: headers.authorization, address: socket.remoteAddress ?? null });
}
