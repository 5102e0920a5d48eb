/**
 * The database alone, without the rest of the program, for commands that look at it or bring it up to date. Beside a
 * running server it is the one that server uses.
 */
import { claimDataFolder } from '../data-folder/instance-lock.ts';
import { openDataFolder } from '../data-folder/open-data-folder.ts';
import { StartProblem } from '../data-folder/start-problem.ts';
import { awaitDatabase } from '../database/await-database.ts';
import { connectDatabase, type Database } from '../database/connect.ts';
import { startEmbeddedPostgres } from '../database/embedded.ts';
import { accessUrl, embeddedRole, readPostgresAccess } from '../database/postgres-access.ts';
import { hasCluster } from '../database/postgres-cluster.ts';
import { takeTurn } from '../take-turn.ts';
import type { EndpointParts } from './call-endpoint.ts';

export interface ReachedDatabase extends Database {
  /** Closes the connections, and stops the built-in Postgres if it was started for this. */
  stop(): Promise<void>;
}

export interface ReachOptions {
  /** Make the built-in database when there is none. */
  readonly create: boolean;
  /** How long a database that does not answer is waited for. */
  readonly limitMs: number;
}

const turnLimitMs = 60_000;

/**
 * @returns null when the built-in database was never made and `create` is false.
 * @throws {StartProblem} in plain words when it cannot be reached.
 */
export async function reachDatabase(
  parts: EndpointParts,
  { create, limitMs }: ReachOptions,
): Promise<ReachedDatabase | null> {
  const { config, secrets } = parts;
  const { dataFolder } = config;
  if (secrets.databaseUrl !== null) return connectTo(secrets.databaseUrl, { parts, limitMs, alsoStop: nothing });
  if (create) await openDataFolder(dataFolder, parts.world);
  else if (!(await hasCluster(dataFolder))) return null;
  const turn = await takeTurn(dataFolder, {
    clock: parts.world.clock,
    limitMs: turnLimitMs,
    open: () => startHere(parts),
    answers: async () => true,
  });
  if (turn.kind === 'opened') {
    const { url, stop } = turn.opened;
    return connectTo(url, { parts, limitMs, alsoStop: stop });
  }
  const access = await readPostgresAccess(dataFolder);
  if (!access) {
    throw new StartProblem('database_unreachable', {
      sentence: `The data folder ${dataFolder} does not say where its running database is. Restart the server.`,
    });
  }
  return connectTo(accessUrl(access, embeddedRole), { parts, limitMs, alsoStop: nothing });
}

const nothing = () => Promise.resolve();

/** Holds the folder for as long as Postgres runs in it. */
async function startHere({ config, world }: EndpointParts): Promise<{ url: string; stop: () => Promise<void> }> {
  const claim = await claimDataFolder(config.dataFolder, world);
  try {
    const postgres = await startEmbeddedPostgres({ dataFolder: config.dataFolder, ...world });
    const stop = async () => {
      await postgres.stop();
      await claim.release();
    };
    return { url: postgres.url, stop };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function connectTo(
  url: string,
  { parts, limitMs, alsoStop }: { parts: EndpointParts; limitMs: number; alsoStop: () => Promise<void> },
): Promise<ReachedDatabase> {
  const { config, world } = parts;
  const database = connectDatabase({ url, ipv6: config.databaseIpv6, poolSize: 2, log: world.log });
  const stop = async () => {
    await database.stop();
    await alsoStop();
  };
  try {
    await awaitDatabase({ pool: database.pool, url, clock: world.clock, limitMs });
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...database, stop };
}
