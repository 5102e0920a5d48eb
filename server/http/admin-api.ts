/** Mounts the admin endpoints: `POST /admin/api/<name>`, for the bearer of the local admin token. */
import type Router from '@koa/router';
import { bearerOf } from '../api-keys/key-book.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { isAdminToken } from '../data-folder/admin-token.ts';
import type { Admission } from '../gateway/admission/admission.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';
import type { Clock } from '../world/world.ts';
import type { AdminDispatch } from './admin-dispatch.ts';
import type { CallState } from './middleware.ts';
import { inSeat } from './in-seat.ts';
import { readBody } from './read-body.ts';

export interface AdminApiParts {
  readonly admission: Admission;
  readonly bodyRooms: ByteBudget;
  readonly dispatch: AdminDispatch;
  /** The token in the data folder: whoever can read that file administers this instance. */
  readonly adminToken: string;
  readonly clock: Clock;
}

/** Whoever holds the token of the data folder. */
const actor = 'local-admin';

/** Inputs are small; the largest is an auth.json of 64 KiB in JSON quotes. */
const limits = { maxCompressedBytes: 256 * 1024, maxBytes: 256 * 1024, maxRatio: 50, pauseMs: 10_000 };

export function mountAdminApi(
  router: Router<CallState>,
  { admission, bodyRooms, dispatch, adminToken, clock }: AdminApiParts,
): void {
  router.post('/admin/api/:name', async (ctx) => {
    const name = ctx.params['name'] ?? '';
    ctx.state.route = '/admin/api/:name';
    const offered = bearerOf(ctx.req.headers.authorization);
    if (offered === '' || !isAdminToken(offered, adminToken)) throw new GatewayError('admin_token_missing');
    const room = bodyRooms.open(actor);
    ctx.res.once('close', () => room.leave());
    const input = parseJson(await readBody(ctx.req, { limits, clock, room }));
    const { requestId } = ctx.state;
    const work = () => dispatch({ name, input, actor, requestId });
    const output = await inSeat(ctx, { admission, lane: 'admin_browser', owner: actor, work });
    ctx.set('cache-control', 'no-store');
    ctx.body = output;
  });
}

/** In the place of the endpoints where none are served: a command is told why, instead of missing them. */
export function mountNoAdminApi(router: Router<CallState>): void {
  router.post('/admin/api/:name', (ctx) => {
    ctx.state.route = '/admin/api/:name';
    throw new GatewayError('commands_not_taken');
  });
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new GatewayError('invalid_request', { detail: 'The body is not JSON.', cause: error });
  }
}
