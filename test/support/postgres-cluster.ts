/**
 * Vitest global setup: one throwaway Postgres cluster for the whole run. It is started by the first test file that asks
 * (`testDatabase`), so a run without database tests does not wait for it.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { connectDatabase } from '../../server/database/connect.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/database/embedded.ts';
import { migrate } from '../../server/database/migrate.ts';
import { findPostgresBinaries } from '../../server/database/postgres-binaries.ts';
import { clusterFolderOf } from '../../server/database/postgres-cluster.ts';
import { clearOrphan } from '../../server/database/orphan-postgres.ts';
import { systemClock, systemRandom } from '../../server/world/real-world.ts';
import { quietLog } from './quiet-log.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Port on 127.0.0.1 that answers every connection with the cluster's address as one JSON line. */
    postgresBroker: number;
  }
}

/** What a test file needs to make its own database. */
export interface TestCluster {
  /** Address of the maintenance database `postgres`; replace the path for another. */
  readonly adminUrl: string;
  /** The migrated database to clone. */
  readonly template: string;
}

const folderPrefix = 'codex-pooler-test-';
export const templateName = 'migrated_template';

/** Durability is what a test cluster does not need; many small pools are what it does. */
const testSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  autovacuum: 'off',
};

export interface ThrowawayPostgres {
  readonly cluster: TestCluster;
  stop(): Promise<void>;
}

/** Starts a cluster in a new temporary folder, with the migrated template in it. */
export async function startThrowawayPostgres(): Promise<ThrowawayPostgres> {
  const parent = await fastestFolder();
  await removeLeftOvers(parent);
  const dataFolder = join(parent, `${folderPrefix}${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(dataFolder, { mode: 0o700 });
  let postgres: EmbeddedPostgres | undefined;
  const stop = async (): Promise<void> => {
    await postgres?.stop();
    await rm(dataFolder, { recursive: true, force: true });
  };
  try {
    postgres = await startEmbeddedPostgres({
      dataFolder,
      clock: systemClock,
      random: systemRandom,
      log: quietLog,
      settings: testSettings,
    });
    await makeTemplate(postgres.url);
    return { cluster: { adminUrl: withDatabase(postgres.url, 'postgres'), template: templateName }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Called by vitest once per run; returns what ends it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<ThrowawayPostgres> | undefined;
  const broker = createServer((socket) => {
    socket.on('error', () => undefined);
    starting ??= startThrowawayPostgres();
    starting.then(
      ({ cluster }) => socket.end(JSON.stringify(cluster)),
      (error: unknown) => socket.end(JSON.stringify({ problem: String((error as Error).stack) })),
    );
  });
  project.provide('postgresBroker', await listenOnLoopback(broker));
  return async () => {
    broker.close();
    await (await starting?.catch(() => undefined))?.stop();
  };
}

const memoryFolder = '/dev/shm';
/** A cluster takes about 60 MB and each test file's clone 8 MB; containers often have 64 MB here in all. */
const memoryNeeded = 2 ** 30;

/** Cloning a database in memory takes 30 ms instead of 200 ms on a disk, so memory is used where there is plenty. */
async function fastestFolder(): Promise<string> {
  const memory = await statfs(memoryFolder).catch(() => undefined);
  return memory && memory.bavail * memory.bsize > memoryNeeded ? memoryFolder : tmpdir();
}

async function makeTemplate(url: string): Promise<void> {
  const admin = connectDatabase({ url: withDatabase(url, 'postgres'), poolSize: 1, log: quietLog });
  await admin.pool.query(`create database ${templateName}`);
  await admin.stop();
  const template = connectDatabase({ url: withDatabase(url, templateName), poolSize: 1, log: quietLog });
  try {
    await migrate(template.db, { log: quietLog });
  } finally {
    await template.stop();
  }
}

/** A run that was killed leaves its folder and its Postgres; the folder's name says whose it was. */
async function removeLeftOvers(parent: string): Promise<void> {
  const binaries = await findPostgresBinaries();
  for (const name of await readdir(parent)) {
    const pid = Number(name.startsWith(folderPrefix) ? name.slice(folderPrefix.length).split('-')[0] : Number.NaN);
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    const folder = join(parent, name);
    // Another user's left-overs are that user's to remove.
    await clearOrphan(clusterFolderOf(folder), { binaries, clock: systemClock }).catch(() => undefined);
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
  });
}
