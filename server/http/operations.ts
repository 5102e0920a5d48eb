/** `/healthz` and `/readyz`: is the process alive, and may it get work? Bodies and codes of product spec 9.1. */
import { access } from 'node:fs/promises';
import type Router from '@koa/router';
import type { Clock } from '../world/world.ts';
import type { CallState } from './middleware.ts';

export interface OperationsParts {
  readonly clock: Clock;
  /** Asks the database for a sign of life. */
  readonly pingDatabase: () => Promise<unknown>;
  readonly isStopping: () => boolean;
  /** While this file exists the process asks for no more work; null when none is configured. */
  readonly drainMarkerPath: string | null;
}

/** How long the database may take to answer before the process counts as not ready (product spec 9.1). */
const pingLimitMs = 1_000;

export function mountOperations(router: Router<CallState>, parts: OperationsParts): void {
  router.get('/healthz', (ctx) => {
    ctx.state.route = '/healthz';
    ctx.body = { status: 'ok' };
  });
  router.get('/readyz', async (ctx) => {
    ctx.state.route = '/readyz';
    const isReady = await isReadyNow(parts);
    ctx.status = isReady ? 200 : 503;
    ctx.body = { status: isReady ? 'ready' : 'unavailable' };
  });
}

async function isReadyNow({ clock, pingDatabase, isStopping, drainMarkerPath }: OperationsParts): Promise<boolean> {
  if (isStopping() || (drainMarkerPath !== null && (await exists(drainMarkerPath)))) return false;
  const limit = Promise.withResolvers<boolean>();
  const timer = clock.timer(pingLimitMs, () => limit.resolve(false));
  const answered = pingDatabase().then(
    () => true,
    () => false,
  );
  const isReady = await Promise.race([answered, limit.promise]);
  timer.stop();
  return isReady;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
