/**
 * Mounts the OpenAI surface. Whatever is asked below `/v1`, the key comes first, then the Pool's switch, then whether
 * the path is supported; only then a body is read (v1 spec rule 3).
 */
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { GatewayError } from '../contract/gateway-error.ts';
import { findFile, listFiles } from '../gateway/files/list-files.ts';
import { fileObject } from '../gateway/files/uploaded-file.ts';
import { authenticatePublic } from '../gateway/public/authenticate-public.ts';
import type { GatewayParts } from '../gateway/gateway-parts.ts';
import { handlePublicRequest } from '../gateway/public/handle-public-request.ts';
import { mediaRoutes } from '../gateway/media/media-routes.ts';
import { modelListOf } from '../gateway/native/model-list.ts';
import { unsupported } from '../gateway/dialects/openai/bad-request.ts';
import { plainName } from '../gateway/dialects/openai/fields.ts';
import { poolUsage } from '../gateway/native/pool-usage.ts';
import { publicModels } from '../gateway/public/public-models.ts';
import { publicUsage } from '../gateway/public/public-usage.ts';
import { publicRoutes } from '../gateway/routes.ts';
import { allowedMethods } from './allowed-methods.ts';
import { addressOf, handOver } from './hand-over.ts';
import { inSeat } from './in-seat.ts';
import type { CallState } from './middleware.ts';

type Context = RouterContext<CallState>;

export function mountPublic(router: Router<CallState>, parts: GatewayParts): void {
  for (const route of publicRoutes) {
    router.register(route.path, [route.method], (ctx) => handlePublicRequest(handOver(ctx, route), parts));
  }

  for (const route of mediaRoutes) {
    router.register(route.path, [route.method], (ctx) => route.handle(handOver(ctx, route), parts));
  }

  router.get('/v1/files', async (ctx) => {
    ctx.state.route = '/v1/files';
    const { keyId } = clientOf(ctx, parts);
    const work = () => listFiles({ keyId, query: ctx.query }, parts.files);
    ctx.body = await inSeat(ctx, { ...parts, lane: 'proxy_http', owner: keyId, work });
  });

  router.get('/v1/files/:file', async (ctx) => {
    ctx.state.route = '/v1/files/:file';
    ctx.body = fileObject(await fileOf(ctx, parts));
  });

  // The provider gives no file back and takes none away; whose file it is counts first all the same.
  for (const [method, path] of [
    ['GET', '/v1/files/:file/content'],
    ['DELETE', '/v1/files/:file'],
  ] as const) {
    router.register(path, [method], async (ctx) => {
      ctx.state.route = path;
      await fileOf(ctx, parts);
      throw new GatewayError('unsupported_endpoint');
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

  router.get('/v1/usage', async (ctx) => {
    ctx.state.route = '/v1/usage';
    const { keyId, poolId } = clientOf(ctx, parts);
    const [parameter] = Object.keys(ctx.query).toSorted();
    if (parameter !== undefined) throw unsupported(plainName(parameter));
    const rows = parts.book
      .inPool(poolId)
      .map((account) => ({ account, readings: parts.board.limits(account.id, null) }));
    const work = () => parts.useOfKey(keyId);
    const use = await inSeat(ctx, { ...parts, lane: 'proxy_http', owner: keyId, work });
    ctx.body = publicUsage(use, poolUsage(rows, parts.clock.now()));
  });

  router.all(everythingElse, (ctx) => {
    ctx.state.route = '/v1/*';
    clientOf(ctx, parts);
    const allowed = allowedMethods(router, { path: ctx.path, method: ctx.method, except: everythingElse });
    if (allowed === '') throw new GatewayError('unsupported_endpoint');
    ctx.set('allow', allowed);
    throw new GatewayError('method_not_allowed');
  });
}

/** Client libraries always get JSON, never a page, whatever they ask (v1 spec 1.2). */
export const everythingElse = '/v1{/*rest}';

/** When models were first listed is not known; a constant is at least the same for every call (v1 spec 5.2). */
const listedSince = 1_735_689_600;

function listFor(ctx: Context, parts: GatewayParts) {
  const { poolId, policy } = clientOf(ctx, parts);
  const servingModeOf = (model: string) => parts.pools.servingModeOf(poolId, model);
  return modelListOf({ catalog: parts.catalogOf(poolId), policy, servingModeOf });
}

function clientOf(ctx: Context, parts: GatewayParts) {
  return authenticatePublic({ request: ctx.req, clientAddress: addressOf(ctx) }, parts);
}

function fileOf(ctx: Context, parts: GatewayParts) {
  const { keyId } = clientOf(ctx, parts);
  const work = () => findFile({ keyId, id: ctx.params['file'] ?? '' }, parts.files);
  return inSeat(ctx, { ...parts, lane: 'proxy_http', owner: keyId, work });
}
