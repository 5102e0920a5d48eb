/** `migrate` and `migrate status`: the database schema, also for one-shot containers before the server starts. */
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { migrate, migrationStatus, type MigrationStatus } from '../database/migrate.ts';
import { migrationsFolder, readMigrations } from '../database/migration-files.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Log } from '../world/world.ts';
import type { Cli } from './cli.ts';
import { counted, renderTable } from './plain-text.ts';
import { reachDatabase } from './reach-database.ts';

/** Compose starts the database and this command together. */
const databaseLimitMs = 30_000;

export function addMigrateCommands(program: Command, cli: Cli): void {
  const group = program
    .command('migrate')
    .helpGroup('Run it:')
    .description('Bring the database up to date; the server does this itself when it starts')
    .action(async () => {
      const applied = (await withDatabase({ create: true }, (db, log) => migrate(db, { log }))) ?? [];
      const last = applied.at(-1);
      const text = last
        ? `Applied ${counted(applied.length, 'migration')}, the last is ${last}.\n`
        : 'Nothing to do: the database is up to date.\n';
      cli.show({ json: { applied }, text });
    });
  group.commandsGroup('Run it:');

  group
    .command('status')
    .description('Show which migrations the database has had; changes nothing')
    .action(async () => {
      const status = await withDatabase({ create: false }, (db) => migrationStatus(db));
      const known = status ?? {
        applied: [],
        pending: Object.keys(await readMigrations(migrationsFolder)),
        unknown: [],
      };
      cli.show({ json: known, text: renderStatus(known) });
    });

  /** Null when there is no database yet. */
  function withDatabase<Result>(
    { create }: { create: boolean },
    work: (db: Kysely<DB>, log: Log) => Promise<Result>,
  ): Promise<Result | null> {
    return cli.withWorld(async (world, interruptible) => {
      const database = await reachDatabase({ ...cli.environment(), world }, { create, limitMs: databaseLimitMs });
      if (!database) return null;
      try {
        return await interruptible(work(database.db, world.log));
      } finally {
        await database.stop();
      }
    });
  }
}

function renderStatus({ applied, pending, unknown }: MigrationStatus): string {
  const rows = [
    ...applied.map((name) => [name, unknown.includes(name) ? 'applied by a newer version' : 'applied']),
    ...pending.map((name) => [name, 'pending']),
  ];
  return renderTable([['MIGRATION', 'STATE'], ...rows]);
}
