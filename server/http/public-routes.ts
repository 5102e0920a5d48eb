/**
 * Mounts the OpenAI surface. Whatever is asked below `/v1`, the key comes first, then the Pool's switch, then whether
 * the path is supported; only then a body is read (v1 spec rule 3).
 */
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { authenticatePublic, handlePublicRequest } from '../gateway/handle-public-request.ts';
import type { GatewayParts } from '../gateway/handle-request.ts';
import { mediaRoutes } from '../gateway/media-routes.ts';
import { modelListOf } from '../gateway/model-list.ts';
import { publicModels } from '../gateway/public-models.ts';
import { publicRoutes } from '../gateway/routes.ts';
import type { CallState } from './middleware.ts';

type Context = RouterContext<CallState>;

export function mountPublic(router: Router<CallState>, parts: GatewayParts): void {
  for (const route of publicRoutes) {
    router.post(route.path, async (ctx) => {
      ctx.state.route = route.path;
      ctx.respond = false;
      const { req: request, res: response } = ctx;
      const { requestId } = ctx.state;
      await handlePublicRequest({ request, response, requestId, clientAddress: addressOf(ctx), route }, parts);
    });
  }

  for (const route of mediaRoutes) {
    router.register(route.path, [route.method], async (ctx) => {
      ctx.state.route = route.path;
      ctx.respond = false;
      const { req: request, res: response } = ctx;
      const { requestId } = ctx.state;
      await route.handle({ request, response, requestId, clientAddress: addressOf(ctx), route }, parts);
    });
  }

  router.get('/v1/models', (ctx) => {
    ctx.state.route = '/v1/models';
    const list = listFor(ctx, parts);
    // Codex clients name their version and read their own shape.
    if (ctx.query['client_version'] !== undefined) {
      ctx.set('etag', list.etag);
      ctx.type = 'application/json';
      ctx.body = list.body;
      return;
    }
    ctx.body = { object: 'list', data: publicModels(list.body, listedSince) };
  });

  router.get('/v1/models/:model', (ctx) => {
    ctx.state.route = '/v1/models/:model';
    const wanted = (ctx.params['model'] ?? '').toLowerCase();
    const found = publicModels(listFor(ctx, parts).body, listedSince).find(
      ({ id }) => String(id).toLowerCase() === wanted,
    );
    if (!found) throw new GatewayError('invalid_model', { param: 'model' });
    ctx.body = found;
  });

  router.all(everythingElse, (ctx) => {
    ctx.state.route = '/v1/*';
    authenticatePublic({ request: ctx.req, clientAddress: addressOf(ctx) }, parts);
    const path = ctx.path.replace(/\/+$/, '');
    const allowed = methodsOf(path);
    if (allowed.length > 0 && !allowed.includes(ctx.method)) {
      ctx.set('allow', allowed.join(', '));
      throw new GatewayError('method_not_allowed');
    }
    throw new GatewayError('unsupported_endpoint');
  });
}

/** Client libraries always get JSON, never a page, whatever they ask (v1 spec 1.2). */
export const everythingElse = '/v1{/*rest}';

/** When models were first listed is not known; a constant is at least the same for every call (v1 spec 5.2). */
const listedSince = 1_735_689_600;

function listFor(ctx: Context, parts: GatewayParts) {
  const { poolId, policy } = authenticatePublic({ request: ctx.req, clientAddress: addressOf(ctx) }, parts);
  const servingModeOf = (model: string) => parts.pools.servingModeOf(poolId, model);
  return modelListOf({ catalog: parts.catalogOf(poolId), policy, servingModeOf });
}

function methodsOf(path: string): string[] {
  const posts = [...publicRoutes, ...mediaRoutes]
    .filter((route) => route.path === path)
    .map(({ method }) => method as string);
  return path === '/v1/models' ? ['GET', 'HEAD'] : posts;
}

function addressOf(ctx: Context): string | null {
  return ctx.req.socket.remoteAddress ?? null;
}
