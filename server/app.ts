/**
 * Makes every part once, in order, and hands each only what it needs. The only file that knows all rooms. Production,
 * the command line, tests and the desktop all start the program through here.
 */
import { hostname } from 'node:os';
import type { Server } from 'node:http';
import { sql } from 'kysely';
import type { AccountFacts } from './accounts/account.ts';
import { createAccountBoard } from './accounts/account-board.ts';
import { createAccountBook } from './accounts/account-book.ts';
import { createAccountReader } from './accounts/account-reader.ts';
import { createAccountsApi } from './accounts/accounts-api.ts';
import { markAccountClosed } from './accounts/close-account.ts';
import { loadQuotaReadings, saveQuotaReadings } from './accounts/quota-store.ts';
import { createRefreshAhead } from './accounts/refresh-ahead.ts';
import { createTokenKeeper } from './accounts/token-keeper.ts';
import { createApiKeysApi } from './api-keys/api-keys-api.ts';
import { createKeyBook } from './api-keys/key-book.ts';
import { createCatalog } from './catalog/catalog.ts';
import { createCatalogFreshness, oldAfterMs } from './catalog/catalog-freshness.ts';
import { createCatalogReader } from './catalog/catalog-reader.ts';
import { bundledPrices } from './catalog/prices.ts';
import { accounts } from './contract/accounts.ts';
import { apiKeys } from './contract/api-keys.ts';
import { pools } from './contract/pools.ts';
import { settingsEndpoints } from './contract/settings.ts';
import type { ChangeTopic } from './contract/vocabulary.ts';
import { system } from './contract/system.ts';
import { createChangeFeed } from './database/change-feed.ts';
import type { Config, Secrets } from './environment.ts';
import { createAdmission } from './gateway/admission.ts';
import { createContinuity } from './gateway/continuity.ts';
import { createRecordKeeper } from './gateway/record-keeper.ts';
import { createRunningExchanges } from './gateway/running-exchanges.ts';
import { mountAdminApi } from './http/admin-api.ts';
import { bind, createAdminDispatch, type AdminDispatch } from './http/admin-dispatch.ts';
import { mountGateway } from './http/gateway-routes.ts';
import { createIngress } from './http/ingress.ts';
import { listen } from './http/listen.ts';
import { mountOperations } from './http/operations.ts';
import { readBody } from './http/read-body.ts';
import { createHttpServer } from './http/server.ts';
import { startRepeating } from './jobs/repeating-work.ts';
import { errorFacts } from './observe/log.ts';
import { openStorage, type Storage } from './open-storage.ts';
import { ensureDefaultPool, poolIdBySlug } from './pools/pool-store.ts';
import { createPoolsApi } from './pools/pools-api.ts';
import { createVault } from './security/vault.ts';
import { createSettingsApi } from './settings/settings-api.ts';
import { createSettingsBook } from './settings/settings.ts';
import { createSystemApi } from './system/system-api.ts';
import { createAccountCalls } from './upstream/account-calls.ts';
import { createCodexClient } from './upstream/codex-client.ts';
import { createUsageProbes } from './upstream/probe-usage.ts';
import { createTokenRefresher } from './upstream/refresh-token.ts';
import { sweepDeadProcesses } from './usage/sweep.ts';
import { version } from './version.ts';
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
}

const quotaFlushMs = 2_000;
/** Requests of a process that died are closed within this time by any other that lives (demand spec 3.3). */
const sweepMs = 30_000;
/** After this a stopping process no longer waits for its last records; the next start's sweep closes them. */
const flushLimitMs = 10_000;

type AccountFactsToRead = Omit<AccountFacts, 'models'>;

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
  const { clock, random, log, network } = world;
  const { database, keys, databaseUrl } = storage;
  const { db, pool } = database;
  const changes = createChangeFeed({ address: { url: databaseUrl, ipv6: config.databaseIpv6 }, clock, log });

  // What the database says, held in memory and read again when it changes.
  const settings = createSettingsBook({ db, log });
  const keyBook = createKeyBook({ db, clock });
  const catalog = createCatalog({ db, log });
  const book = createAccountBook({ db, modelsOf: (accountId) => catalog.slugsOf(accountId) });
  const board = createAccountBoard();

  // The provider.
  const { upstreamUrl, authUrl } = config;
  const vault = createVault({ root: 'upstream', keyRing: keys.upstream, random });
  const askForTokens = createTokenRefresher({ network, clock, authUrl, version });
  const tokens = createTokenKeeper({ db, vault, clock, random, log, book, askForTokens });
  const askBackend = createAccountCalls({ network, clock, upstreamUrl, version });
  const probes = createUsageProbes({ askBackend, clock, upstreamUrl });
  const models = createCatalogReader<AccountFactsToRead>({
    db,
    clock,
    askBackend,
    clientVersion: () => settings.current()['catalog.client_version'],
  });
  const reader = createAccountReader({ db, keeper: tokens, board, clock, log, questions: { ...probes, models } });
  const freshness = createCatalogFreshness({
    catalog,
    clock,
    log,
    accountIds: () => book.all().flatMap(({ id, status }) => (status === 'active' ? [id] : [])),
    read: (accountId) => reader.read(accountId),
  });
  const codex = createCodexClient({ network, origin: upstreamUrl });
  const refreshAhead = createRefreshAhead({ db, keeper: tokens, clock, log });

  await ensureDefaultPool(db, { id: random.id(), now: clock.now() });
  const processNumber = await registerProcess(storage);
  await changes.start();
  await changes.holdProcessLock(processNumber);
  board.restore(await loadQuotaReadings(db), clock.now());
  const reloads: Record<ChangeTopic, () => Promise<unknown>> = {
    settings: () => settings.reload(),
    api_keys: () => keyBook.reload(),
    pools: () => Promise.all([keyBook.reload(), book.reload()]),
    catalog: () => catalog.reload().then(() => book.reload()),
    accounts: () => book.reload(),
  };
  await Promise.all([settings.reload(), keyBook.reload(), catalog.reload().then(() => book.reload())]);
  for (const topic of Object.keys(reloads) as ChangeTopic[]) {
    changes.subscribe(topic, () => {
      reloads[topic]().catch((error: unknown) => log.error('reload_failed', { topic, ...errorFacts(error) }));
    });
  }

  // The engine.
  const records = createRecordKeeper({ pool, prices: bundledPrices(), processNumber, clock, log });
  const running = createRunningExchanges({ clock });
  const catalogOf = (poolId: string) => catalog.unionOf(book.inPool(poolId).map(({ id }) => id));
  const gateway = {
    codex,
    tokens,
    board,
    book,
    records,
    running,
    clock,
    log,
    random,
    catalogOf,
    keys: keyBook,
    admission: createAdmission({ clock }),
    continuity: createContinuity({ db, clock, log }),
    settings: () => settings.current(),
    poolEtag: (poolId: string) => {
      const union = catalogOf(poolId);
      return union.isOneCatalog ? union.etag : null;
    },
    onModelsEtag: (accountId: string, etag: string) => freshness.noticed(accountId, etag),
    onAccountDead: (id: string, reason: string) => {
      markAccountClosed(db, { id, reason, at: clock.now() }).catch((error: unknown) =>
        log.error('account_not_closed', { accountId: id, ...errorFacts(error) }),
      );
    },
    readBody: (request: Parameters<typeof readBody>[0], current: ReturnType<typeof settings.current>) =>
      readBody(request, {
        clock,
        limits: {
          maxCompressedBytes: current['gateway.max_compressed_body_bytes'],
          maxBytes: current['gateway.max_body_bytes'],
          maxRatio: current['gateway.max_decompression_ratio'],
          pauseMs: current['gateway.body_timeout_ms'],
        },
      }),
  };

  // The administrator.
  const findPool = (slug: string) => poolIdBySlug(db, slug);
  const dispatch = createAdminDispatch({
    db,
    clock,
    random,
    endpoints: [
      ...bind(pools, createPoolsApi({ db })),
      ...bind(apiKeys, createApiKeysApi({ db, clock, random, book: keyBook, poolIdBySlug: findPool })),
      ...bind(
        accounts,
        createAccountsApi({ db, vault, clock, random, log, book, board, keeper: tokens, reader, models: catalog }),
      ),
      ...bind(settingsEndpoints, createSettingsApi({ db, clock, book: settings })),
      ...bind(system, createSystemApi({ db, clock, version, settings: () => settings.current() })),
    ],
  });

  const flushQuota = async () => {
    const changed = board.takeDirtyReadings();
    if (changed.length === 0) return;
    await saveQuotaReadings(db, changed).catch((error: unknown) => {
      // Not stored, so they must not count as stored.
      for (const { accountId, reading } of changed) board.record(accountId, [reading]);
      throw error;
    });
  };
  const sweep = () => sweepDeadProcesses({ db, pool, clock, log, processNumber });
  const work: { stop(): Promise<void> }[] = [];
  let server: Server | null = null;
  let isStopping = false;

  async function serve(): Promise<{ url: string; port: number }> {
    await sweep();
    const ingress = createIngress({ bindAddress: config.bindAddress, publicHost: config.publicHost });
    const operations = {
      clock,
      pingDatabase: () => sql`select 1`.execute(db),
      isStopping: () => isStopping,
      drainMarkerPath: config.drainMarkerPath,
    };
    server = createHttpServer({
      world,
      ingress,
      mounts: [
        (router) => mountOperations(router, operations),
        ...(config.servesClients
          ? [
              (router: Parameters<typeof mountGateway>[0]) => mountGateway(router, gateway),
              (router: Parameters<typeof mountGateway>[0]) =>
                mountAdminApi(router, { dispatch, adminToken: storage.adminToken, clock }),
            ]
          : []),
      ],
    });
    const address = await listen(server, { port: config.port, host: config.bindAddress });
    storage.claim.publish({ url: address.url });
    work.push(startRepeating({ name: 'quota_flush', everyMs: quotaFlushMs, run: flushQuota }, world));
    if (config.mode !== 'web') {
      refreshAhead.start();
      work.push(
        startRepeating({ name: 'sweep', everyMs: sweepMs, run: sweep }, world),
        startRepeating({ name: 'catalog', everyMs: oldAfterMs / 2, run: () => freshness.readOld() }, world),
      );
      void freshness.readOld();
    }
    return address;
  }

  async function close(): Promise<void> {
    isStopping = true;
    const closed = server ? closeServer(server) : Promise.resolve();
    await running.stop(config.drainLimitMs);
    server?.closeAllConnections();
    await closed;
    await Promise.all([refreshAhead.stop(), ...work.map((each) => each.stop())]);
    await freshness.stop();
    await tokens.stop();
    const limit = new AbortController();
    const timer = clock.timer(flushLimitMs, () => limit.abort());
    await records.flush(limit.signal);
    timer.stop();
    await flushQuota().catch((error: unknown) => log.warn('quota_not_saved', errorFacts(error)));
    await changes.stop();
    await storage.stop();
  }

  let closing: Promise<void> | null = null;
  return { dispatch, serve, stop: () => (closing ??= close()) };
}

/** This process's number: rows of running requests carry it, and its lock shows that it lives. */
async function registerProcess({ database, instanceId }: Storage): Promise<number> {
  const row = await database.db
    .insertInto('serverProcesses')
    .values({ instanceId, hostName: hostname(), pid: process.pid, version })
    .returning('number')
    .executeTakeFirstOrThrow();
  return row.number;
}

/** Stops accepting; connections in use end with their request. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
