/** Brings the database to the schema this version knows: forward only, each file in its own transaction. */
import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { diskFull, StartProblem } from '../data-folder/start-problem.ts';
import type { Log } from '../world/world.ts';
import { advisoryLocks } from './advisory-lock.ts';
import { sqlStateOf } from './connect.ts';
import { migrationsFolder, readMigrations } from './migration-files.ts';
import type { DB } from './tables.generated.ts';

/** `nulls not distinct` and other features the migrations use came with 15. */
const oldestPostgres = 15;

/** Where a database stands, by migration name in order. */
export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied by a newer version of the program; this one does not know them. */
  readonly unknown: readonly string[];
}

/** Reads which migrations a database has had; changes nothing. */
export async function migrationStatus(db: Kysely<DB>, folder = migrationsFolder): Promise<MigrationStatus> {
  const known = Object.keys(await readMigrations(folder));
  const applied = await appliedNames(db.withoutPlugins());
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}

/**
 * Applies what is missing and returns the names applied now. Several processes may call this at once: one works, the
 * others wait for it and then find nothing to do. A failed file leaves those before it in place.
 *
 * @throws StartProblem when Postgres is too old, the schema is newer than this program, the disk is full, or a file fails.
 */
export async function migrate(db: Kysely<DB>, options: { log: Log; folder?: string }): Promise<string[]> {
  const migrations = await readMigrations(options.folder ?? migrationsFolder);
  return db
    .withoutPlugins()
    .connection()
    .execute(async (connection) => {
      await refuseOldPostgres(connection);
      // Waiting for another process and building an index may both take longer than the pool's limit for statements.
      await sql`set statement_timeout = 0`.execute(connection);
      await sql`select pg_advisory_lock(${advisoryLocks.migration}::bigint)`.execute(connection);
      try {
        const applied = await appliedNames(connection);
        refuseNewerSchema(applied, Object.keys(migrations));
        const done: string[] = [];
        const migrator = new Migrator({ db: connection, provider: { getMigrations: async () => migrations } });
        for (let pending = Object.keys(migrations).length - applied.length; pending > 0; pending -= 1) {
          done.push(await applyNext(migrator));
        }
        if (done.length > 0) options.log.info('database_migrated', { count: done.length, name: done.at(-1) });
        return done;
      } finally {
        await sql`select pg_advisory_unlock(${advisoryLocks.migration}::bigint)`.execute(connection);
        await sql`reset statement_timeout`.execute(connection);
      }
    });
}

async function applyNext(migrator: Migrator): Promise<string> {
  const { error, results } = await migrator.migrateUp();
  const name = results?.[0]?.migrationName ?? 'unknown';
  if (error === undefined) return name;
  const state = sqlStateOf(error);
  if (state === '53100') throw diskFull('the database', error);
  throw new StartProblem('migration_failed', {
    sentence:
      `The database could not be brought up to date: migration ${name} failed (${state ?? 'no SQLSTATE'}). ` +
      'Nothing of it was kept. Restore the version you ran before, or report this with the code shown.',
    cause: error,
  });
}

async function appliedNames(db: Kysely<DB>): Promise<string[]> {
  const table = await sql<{ present: boolean }>`select to_regclass('kysely_migration') is not null as present`.execute(
    db,
  );
  if (!table.rows[0]?.present) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map((row) => row.name);
}

function refuseNewerSchema(applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new StartProblem('database_newer', {
    sentence:
      `The database was last used by a newer version of Codex Pooler (it has ${unknown.at(-1)}, ` +
      `this version knows up to ${known.at(-1) ?? 'nothing'}). Start the newer version again, or restore a backup made before the update.`,
  });
}

async function refuseOldPostgres(db: Kysely<DB>): Promise<void> {
  const { rows } = await sql<{ version: number }>`select current_setting('server_version_num')::int as version`.execute(
    db,
  );
  const version = rows[0]?.version ?? 0;
  const major = Math.floor(version / 10_000);
  if (major >= oldestPostgres) return;
  throw new StartProblem('database_too_old', {
    sentence: `The database runs Postgres ${major}; Codex Pooler needs ${oldestPostgres} or newer. Upgrade it and start again.`,
  });
}
