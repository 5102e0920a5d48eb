/**
 * The whole program: makes every part once, in order (`assembly/`), serves, and stops in the reverse order. Production,
 * the command line, tests and the desktop all start it through here.
 */
import type { Server } from 'node:http';
import { sql } from 'kysely';
import { createAdministrator } from './assembly/administrator.ts';
import { openBooks } from './assembly/books.ts';
import { createEngine } from './assembly/engine.ts';
import { createHousekeeping } from './assembly/housekeeping.ts';
import { createProvider } from './assembly/provider.ts';
import type { Config, Secrets } from './environment.ts';
import { createClientSessions } from './gateway/sockets/client-sessions.ts';
import { mountAdminApi, mountNoAdminApi } from './http/admin-api.ts';
import type { AdminDispatch } from './http/admin-dispatch.ts';
import { mountGateway } from './http/gateway-routes.ts';
import { createIngress } from './http/ingress.ts';
import { listen } from './http/listen.ts';
import { mountOperations } from './http/operations.ts';
import { mountPublic } from './http/public-routes.ts';
import { createHttpServer, type MountRoutes } from './http/server.ts';
import { createWebsocketDoor } from './http/websocket-door.ts';
import { startRepeating } from './jobs/repeating-work.ts';
import { watchForWake, type Wake } from './jobs/wake-watch.ts';
import { errorFacts } from './observe/log.ts';
import { openStorage, type Storage } from './open-storage.ts';
import type { World } from './world/world.ts';

export interface AppOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly world: World;
}

export interface App {
  /** Runs an admin endpoint in this process. */
  readonly dispatch: AdminDispatch;
  /** Begins to serve HTTP and to do recurring work. @returns where the server answers. */
  serve(): Promise<{ url: string; port: number }>;
  /** Takes no more work, lets streams finish up to the drain limit, settles, and closes the database last. Idempotent. */
  stop(): Promise<void>;
  /** A stop waits for no answer any more: what runs is ended and settled. */
  hurry(): void;
}

const saveReadingsMs = 2_000;
/** A limit that another process met is known here after so long; until then one call finds out by itself. */
const takeReadingsMs = 10_000;
/** Another process sees a conversation's account within this time. */
const saveAnchorsMs = 1_000;
/** After this a stopping process no longer waits for its last records; the next start's sweep closes them. */
const flushLimitMs = 10_000;

/** @throws {StartProblem} for whatever the user can mend. */
export async function createApp(options: AppOptions): Promise<App> {
  const storage = await openStorage(options);
  try {
    return await assemble(storage, options);
  } catch (error) {
    await storage.stop();
    throw error;
  }
}

async function assemble(storage: Storage, { config, world }: AppOptions): Promise<App> {
  const { clock, log } = world;
  const { db } = storage.database;
  const books = await openBooks(storage, world);
  const provider = createProvider(storage, { config, world, books });
  await provider.resets.rescue.reload();
  const engine = createEngine(storage, { world, books, provider });
  const sessions = createClientSessions(engine);
  const housekeeping = createHousekeeping(storage, { config, world, books, provider });
  const dispatch = createAdministrator(storage, { world, books, provider, engine, housekeeping });
  const work: { stop(): Promise<void> }[] = [];
  let server: Server | null = null;
  let watch: { stop(): void } | null = null;
  let isStopping = false;

  function mounts(): MountRoutes[] {
    const { drainMarkerPath } = config;
    const pingDatabase = () => sql`select 1`.execute(db);
    const operations = { clock, pingDatabase, isStopping: () => isStopping, drainMarkerPath };
    const health: MountRoutes = (router) => mountOperations(router, operations);
    if (!config.servesClients) return [health, mountNoAdminApi];
    const { adminToken } = storage;
    return [
      health,
      (router) => mountGateway(router, engine),
      (router) => mountPublic(router, engine),
      (router) => mountAdminApi(router, { ...engine, dispatch, adminToken }),
    ];
  }

  async function serve(): Promise<{ url: string; port: number }> {
    await housekeeping.sweep();
    const { bindAddress, publicHost, port } = config;
    server = createHttpServer({
      world,
      ingress: createIngress({ bindAddress, publicHost }),
      mounts: mounts(),
      maxConnections: () => engine.settings()['gateway.max_connections'],
      upgrades: config.servesClients ? { engine, sessions, door: createWebsocketDoor() } : null,
    });
    const address = await listen(server, { port, host: bindAddress });
    storage.claim.publish({ url: address.url });
    work.push(
      startRepeating({ name: 'save_readings', everyMs: saveReadingsMs, run: books.saveReadings }, world),
      startRepeating({ name: 'take_readings', everyMs: takeReadingsMs, run: books.takeReadings }, world),
      startRepeating({ name: 'save_anchors', everyMs: saveAnchorsMs, run: () => engine.continuity.save() }, world),
    );
    watch = watchForWake({ clock, log, onWake });
    if (config.mode !== 'web') housekeeping.runner.start();
    return address;
  }

  /** What was learned before a sleep, and what was held open through it, is not to be trusted. */
  function onWake({ sinceMs }: Wake): void {
    books.health.forgiveSince(sinceMs);
    world.network.dropIdle();
    provider.sockets.revalidate();
    if (config.mode !== 'web') void housekeeping.runner.wake();
  }

  async function close(): Promise<void> {
    isStopping = true;
    watch?.stop();
    const closed = server ? closeServer(server) : Promise.resolve();
    sessions.drain();
    await engine.running.stop(config.drainLimitMs);
    await sessions.stop();
    server?.closeAllConnections();
    await closed;
    provider.sockets.stop();
    await Promise.all([housekeeping.runner.stop(), ...work.map((each) => each.stop())]);
    await provider.freshness.stop();
    await provider.tokens.stop();
    const limit = new AbortController();
    const timer = clock.timer(flushLimitMs, () => limit.abort());
    await Promise.all([engine.records.flush(limit.signal), engine.continuity.flush(limit.signal)]);
    timer.stop();
    await books.saveReadings().catch((error: unknown) => log.warn('readings_not_saved', errorFacts(error)));
    await books.stop();
    await storage.stop();
  }

  let closing: Promise<void> | null = null;
  return { dispatch, serve, stop: () => (closing ??= close()), hurry: engine.running.end };
}

/** Stops accepting; connections in use end with their request. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
