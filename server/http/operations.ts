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
  const answersDatabase = createDatabaseQuestion(parts);

  router.get('/healthz', (ctx) => {
    ctx.state.route = '/healthz';
    ctx.body = { status: 'ok' };
  });
  router.get('/readyz', async (ctx) => {
    ctx.state.route = '/readyz';
    const isReady = !(await isLeaving(parts)) && (await answersDatabase());
    ctx.status = isReady ? 200 : 503;
    ctx.body = { status: isReady ? 'ready' : 'unavailable' };
  });
}

async function isLeaving({ isStopping, drainMarkerPath }: OperationsParts): Promise<boolean> {
  return isStopping() || (drainMarkerPath !== null && (await exists(drainMarkerPath)));
}

/**
 * Whether the database answers in time. Everybody may ask, as often as they like, so those who ask together share one
 * question: each would take a connection from the requests of clients.
 */
function createDatabaseQuestion({ clock, pingDatabase }: OperationsParts): () => Promise<boolean> {
  let asked: Promise<boolean> | null = null;

  function ask(): Promise<boolean> {
    return pingDatabase()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (asked = null));
  }

  return async () => {
    const limit = Promise.withResolvers<boolean>();
    const timer = clock.timer(pingLimitMs, () => limit.resolve(false));
    const isAnswered = await Promise.race([(asked ??= ask()), limit.promise]);
    timer.stop();
    return isAnswered;
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
