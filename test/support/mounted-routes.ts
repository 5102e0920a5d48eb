/** Every address the server answers, as its own router has them. */
import Router from '@koa/router';
import type { GatewayParts } from '../../server/gateway/gateway-parts.ts';
import { mountAdminApi, type AdminApiParts } from '../../server/http/admin-api.ts';
import { mountGateway } from '../../server/http/gateway-routes.ts';
import type { CallState } from '../../server/http/middleware.ts';
import { mountOperations, type OperationsParts } from '../../server/http/operations.ts';
import { everythingElse, mountPublic } from '../../server/http/public-routes.ts';

/** Mounting touches nothing of the parts: they are needed when a call comes. @returns e.g. `GET /v1/models/:model` */
export function mountedRoutes(): string[] {
  const router = new Router<CallState>();
  mountOperations(router, {} as OperationsParts);
  mountGateway(router, {} as GatewayParts);
  mountPublic(router, {} as GatewayParts);
  mountAdminApi(router, {} as AdminApiParts);
  // The router answers HEAD wherever it answers GET.
  return router.stack
    .filter(({ path }) => path !== everythingElse)
    .flatMap(({ methods, path }) =>
      methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
    )
    .toSorted();
}
