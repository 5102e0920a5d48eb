/** Opens everything that lasts: the data folder, the root keys, and the migrated database. First to open, last to close. */
import { claimDataFolder, type DataFolderClaim } from './data-folder/instance-lock.ts';
import { openAdminToken } from './data-folder/admin-token.ts';
import { openDataFolder } from './data-folder/open-data-folder.ts';
import { createChangeFeed, type ChangeFeed } from './database/change-feed.ts';
import { awaitDatabase } from './database/await-database.ts';
import { connectDatabase, type Database } from './database/connect.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './database/embedded.ts';
import { migrate } from './database/migrate.ts';
import type { Config, Secrets } from './environment.ts';
import { checkCanaries } from './security/canaries.ts';
import { keyFileOf, openRootKeys, type RootKeys } from './security/root-keys.ts';
import type { World } from './world/world.ts';

export interface Storage {
  readonly instanceId: string;
  readonly adminToken: string;
  readonly claim: DataFolderClaim;
  readonly keys: RootKeys;
  readonly database: Database;
  /** Live: tells of every change from here on. */
  readonly changes: ChangeFeed;
  stop(): Promise<void>;
}

export interface StorageOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly world: Pick<World, 'clock' | 'random' | 'log'>;
}

/** @throws {StartProblem} in plain words for whatever the user can mend. */
export async function openStorage({ config, secrets, world }: StorageOptions): Promise<Storage> {
  const { clock, random, log } = world;
  const folder = await openDataFolder(config.dataFolder, { random });
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    const claim = await claimDataFolder(folder.path, { clock });
    closers.push(() => claim.release());
    const keys = await openRootKeys({
      dataFolder: folder.path,
      given: { upstream: secrets.upstreamKeys, totp: secrets.totpKeys, cookieSecret: secrets.cookieSecret },
      random,
      log,
    });
    const adminToken = await openAdminToken(folder.path, { random });
    const postgres = secrets.databaseUrl === null ? await startPostgres(folder.path, world) : null;
    if (postgres) closers.push(() => postgres.stop());
    const databaseUrl = secrets.databaseUrl ?? postgres?.url ?? '';
    const database = connectDatabase({
      url: databaseUrl,
      ipv6: config.databaseIpv6,
      poolSize: config.databasePoolSize,
      log,
    });
    closers.push(() => database.stop());
    await awaitDatabase({ pool: database.pool, url: databaseUrl, clock });
    await migrate(database.db, { log });
    await checkRootKeys({ database, keys, secrets, random, dataFolder: folder.path });
    const changes = createChangeFeed({ address: { url: databaseUrl, ipv6: config.databaseIpv6 }, clock, log });
    closers.push(() => changes.stop());
    await changes.start();
    return { instanceId: folder.instanceId, adminToken, claim, keys, database, changes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startPostgres(dataFolder: string, { clock, random, log }: StorageOptions['world']): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataFolder, clock, random, log });
}

/** A wrong key must be noticed now, not when the first token cannot be opened. */
async function checkRootKeys({
  database,
  keys,
  secrets,
  random,
  dataFolder,
}: {
  database: Database;
  keys: RootKeys;
  secrets: Secrets;
  random: World['random'];
  dataFolder: string;
}): Promise<void> {
  const file = keyFileOf(dataFolder);
  const upstreamSource = secrets.upstreamKeys ? 'CODEX_POOLER_UPSTREAM_SECRET_KEY' : file;
  const totpSource = secrets.totpKeys ? 'CODEX_POOLER_TOTP_ENCRYPTION_KEY' : file;
  await checkCanaries(database.db, { root: 'upstream', keyRing: keys.upstream, keySource: upstreamSource, random });
  await checkCanaries(database.db, { root: 'totp', keyRing: keys.totp, keySource: totpSource, random });
}
