/** The single checks behind `config check`. Each looks and changes nothing that a start would not find as it was. */
import { access, constants, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { sql, type Kysely } from 'kysely';
import { askRunningInstance } from '../data-folder/ask-running-instance.ts';
import { openDataFolder } from '../data-folder/open-data-folder.ts';
import { writeProblem } from '../data-folder/start-problem.ts';
import { migrationStatus } from '../database/migrate.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Config, Secrets } from '../environment.ts';
import { listen } from '../http/listen.ts';
import { checkCanaries } from '../security/canaries.ts';
import { keyBytes, type KeyRing } from '../security/key-ring.ts';
import { keyFileOf, openRootKeys } from '../security/root-keys.ts';
import type { World } from '../world/world.ts';
import { counted } from './plain-text.ts';

/** Each returns what it found, in words, or throws a `StartProblem`. */

/** A missing folder is not made: that is the business of whoever will own it. */
export async function checkDataFolder({ dataFolder }: Config, world: World): Promise<string> {
  if (await exists(dataFolder)) {
    await openDataFolder(dataFolder, world);
    return `${dataFolder} can be written`;
  }
  let parent = dirname(dataFolder);
  while (!(await exists(parent)) && dirname(parent) !== parent) parent = dirname(parent);
  try {
    await access(parent, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw writeProblem(dataFolder, error) ?? error;
  }
  return `${dataFolder} will be made at the first start`;
}

/** `server` is the url of a Codex Pooler that runs on the same data folder. */
export async function checkPort({ port, bindAddress }: Config, server: string | null): Promise<string> {
  if (server !== null) return `Codex Pooler runs at ${server}`;
  if (port === 0) return 'any free one will be taken';
  const probe = createServer();
  await listen(probe, { port, host: bindAddress });
  await new Promise((resolve) => probe.close(resolve));
  return `${port} is free on ${bindAddress}`;
}

/** Where a server answers for this data folder; null when none does. */
export async function runningServer({ dataFolder }: Config): Promise<string | null> {
  return (await askRunningInstance(dataFolder).catch(() => null))?.url ?? null;
}

/** What a start would find and do. @throws {StartProblem} where it would refuse the database */
export async function checkSchema(db: Kysely<DB>): Promise<string> {
  const { applied, pending } = await migrationStatus(db);
  return pending.length === 0
    ? `reachable, ${counted(applied.length, 'migration')} applied`
    : `reachable, ${counted(pending.length, 'migration')} will be applied at the next start`;
}

/**
 * Opens what the database holds with the keys this start would use. Keys that do not exist yet are played by random
 * ones: they fit an empty database and no other.
 */
export async function checkRootKeys(
  db: Kysely<DB>,
  { config, secrets, world }: { config: Config; secrets: Secrets; world: World },
): Promise<string> {
  const { random, log } = world;
  const file = keyFileOf(config.dataFolder);
  const isMade = await exists(file);
  const stranger = (): KeyRing => ({ active: { version: 'v1', key: random.bytes(keyBytes) }, previous: [] });
  const instead = isMade ? null : stranger();
  const keys = await openRootKeys({
    dataFolder: config.dataFolder,
    given: {
      upstream: secrets.upstreamKeys ?? instead,
      totp: secrets.totpKeys ?? instead,
      cookieSecret: secrets.cookieSecret ?? (isMade ? null : 'made at the first start'),
    },
    random,
    log,
  });
  const roots = [
    { root: 'upstream', given: secrets.upstreamKeys, variable: 'CODEX_POOLER_UPSTREAM_SECRET_KEY' },
    { root: 'totp', given: secrets.totpKeys, variable: 'CODEX_POOLER_TOTP_ENCRYPTION_KEY' },
  ] as const;
  if (!(await hasCanaries(db))) return 'nothing is sealed with them yet';
  // The check seals a canary for a key it meets for the first time; only a real start may keep that.
  const transaction = await db.startTransaction().execute();
  try {
    for (const { root, given, variable } of roots) {
      await checkCanaries(transaction, { root, keyRing: keys[root], keySource: given ? variable : file, random });
    }
  } finally {
    await transaction.rollback().execute();
  }
  return 'they open what the database holds';
}

async function hasCanaries(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ present: boolean }>`
    select to_regclass('root_key_canaries') is not null as present`.execute(db);
  return rows[0]?.present ?? false;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
