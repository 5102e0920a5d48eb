/**
 * The Postgres the program brings along, for everyone who gives no `DATABASE_URL`. The caller holds the claim on the
 * data folder for as long as it runs (`claimDataFolder`).
 */
import pg from 'pg';
import { diskFull, StartProblem } from '../data-folder/start-problem.ts';
import type { Clock, Log, Random } from '../world/world.ts';
import { freePort } from './free-port.ts';
import { clearOrphan } from './orphan-postgres.ts';
import {
  accessUrl,
  embeddedRole,
  type PostgresAccess,
  readPostgresAccess,
  savePostgresAccess,
} from './postgres-access.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import {
  type ClusterPlace,
  clusterFolderOf,
  createCluster,
  handOver,
  hasCluster,
  isDiskFull,
  removeDrafts,
  resetPassword,
} from './postgres-cluster.ts';
import { type PostgresProcess, PostgresStartFailure, startPostgres } from './postgres-process.ts';
import { findPostgresUser } from './postgres-user.ts';
import { reachableBinaries } from './reachable-binaries.ts';

/** 192 bits: nobody guesses it, and every local user may try. */
const passwordBytes = 24;
/** Children of a killed Postgres need a moment to notice, and a freed port may be taken between look and use. */
const startTries = 10;
const settleMs = 250;
const longestRestartWaitMs = 10_000;

export interface EmbeddedPostgres {
  /** Address of the product's database, with the password: a secret. Stays the same until `stop`. */
  readonly url: string;
  readonly port: number;
  /** Process id of the running Postgres; changes when it had to be started again. */
  pid(): number;
  /** Clean stop; resolves when Postgres is gone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Makes the cluster on first start, clears what a crash left, starts Postgres, and starts it again on the same port
 * should it ever end by itself.
 *
 * @param options.binaries Where a packaged app keeps Postgres; without it the installed npm package is used.
 * @param options.settings Further `postgresql.conf` settings, for tests (`fsync: 'off'`).
 * @throws StartProblem in plain words: disk full, folder unreachable, another major version, no binaries.
 *
 * @example
 * const postgres = await startEmbeddedPostgres({ dataFolder, clock, random, log });
 * const database = connectDatabase({ url: postgres.url, poolSize: 10, log });
 */
export async function startEmbeddedPostgres(options: {
  dataFolder: string;
  clock: Clock;
  random: Random;
  log: Log;
  binaries?: PostgresBinaries;
  settings?: Readonly<Record<string, string>>;
}): Promise<EmbeddedPostgres> {
  const { dataFolder, clock, log } = options;
  const place = await preparePlace(dataFolder, options.binaries);
  let access = await prepareCluster(place, options);
  let running: PostgresProcess | undefined;
  for (let attempt = 1; running === undefined; attempt += 1) {
    access = await keepFreePort(dataFolder, access);
    try {
      running = await startPostgres(place, {
        access,
        clock,
        ...(options.settings ? { settings: options.settings } : {}),
      });
    } catch (error) {
      if (!(error instanceof PostgresStartFailure) || attempt >= startTries || !isPassing(error.log))
        throw startProblem(dataFolder, error);
      await clock.sleep(settleMs);
    }
  }
  await ensureDatabase(access);
  const keeper = keepRunning(running, {
    clock,
    log,
    again: () => startPostgres(place, { access, clock, ...(options.settings ? { settings: options.settings } : {}) }),
  });
  return { url: accessUrl(access, embeddedRole), port: access.port, pid: keeper.pid, stop: keeper.stop };
}

async function preparePlace(dataFolder: string, given: PostgresBinaries | undefined): Promise<ClusterPlace> {
  const found = given ?? (await findPostgresBinaries());
  const user = await findPostgresUser();
  const binaries = user ? await reachableBinaries(found, { user }) : found;
  const place: ClusterPlace = { dataFolder, binaries, user };
  await handOver(place);
  return place;
}

async function prepareCluster(
  place: ClusterPlace,
  options: { clock: Clock; random: Random; log: Log },
): Promise<PostgresAccess> {
  const { dataFolder } = place;
  await removeDrafts(dataFolder);
  const kept = await readPostgresAccess(dataFolder);
  const fresh = async (): Promise<PostgresAccess> => {
    const access = { port: await freePort(), password: options.random.bytes(passwordBytes).toString('base64url') };
    // Kept before it is used: a cluster whose password nobody knows is worse than a file nobody needs.
    await savePostgresAccess(dataFolder, access);
    return access;
  };
  if (!(await hasCluster(dataFolder))) {
    const access = await fresh();
    await createCluster(place, { password: access.password, draftId: options.random.bytes(6).toString('hex') });
    options.log.info('database_created');
    return access;
  }
  const orphan = await clearOrphan(clusterFolderOf(dataFolder), { binaries: place.binaries, clock: options.clock });
  if (orphan !== 'none') options.log.warn('database_left_by_earlier_start', { outcome: orphan });
  if (kept) return kept;
  const access = await fresh();
  await resetPassword(place, access.password);
  options.log.warn('database_password_set_again');
  return access;
}

async function keepFreePort(dataFolder: string, access: PostgresAccess): Promise<PostgresAccess> {
  const port = await freePort(access.port);
  if (port === access.port) return access;
  const moved = { ...access, port };
  await savePostgresAccess(dataFolder, moved);
  return moved;
}

async function ensureDatabase(access: PostgresAccess): Promise<void> {
  const client = new pg.Client({ connectionString: accessUrl(access, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [embeddedRole]);
    if (rowCount === 0)
      await client.query(`create database ${embeddedRole} template template0 encoding 'UTF8' locale 'C'`);
  } finally {
    await client.end();
  }
}

/** Starts Postgres again whenever it ends without being asked to. The pool reconnects by itself: the port stays. */
function keepRunning(
  first: PostgresProcess,
  options: { clock: Clock; log: Log; again: () => Promise<PostgresProcess> },
): { pid(): number; stop(): Promise<void> } {
  let current = first;
  const stopping = new AbortController();
  const restart = async (): Promise<void> => {
    for (let waitMs = settleMs; !stopping.signal.aborted; waitMs = Math.min(waitMs * 2, longestRestartWaitMs)) {
      try {
        await options.clock.sleep(waitMs, stopping.signal);
        current = await options.again();
        options.log.info('database_started_again');
        return;
      } catch (error) {
        if (!stopping.signal.aborted)
          options.log.error('database_not_started_again', { errorName: (error as Error).name });
      }
    }
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await current.ended;
      if (stopping.signal.aborted) return;
      options.log.error('database_ended_unexpectedly');
      await restart();
    }
  })();
  return {
    pid: () => current.pid,
    async stop() {
      stopping.abort();
      await current.stop();
      await watching;
      // A restart that was under way when we were asked to stop.
      await current.stop();
    },
  };
}

/** Failures that pass by themselves: a port lost to somebody in between, children of a killed Postgres still ending. */
function isPassing(log: string): boolean {
  return /could not bind|could not create any TCP\/IP sockets|shared memory block .* is still in use|lock file .* already exists/.test(
    log,
  );
}

function startProblem(dataFolder: string, error: unknown): unknown {
  if (!(error instanceof PostgresStartFailure)) return error;
  if (isDiskFull(error.log)) return diskFull(dataFolder, error);
  return new StartProblem('postgres_failed', {
    sentence: `The built-in database did not start. What it said is in ${dataFolder}/postgres.log; your records are untouched. Start again, or restore a backup into a new data folder.`,
    cause: error,
  });
}
