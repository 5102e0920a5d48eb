/** The numbered SQL files of `migrations/`, as Kysely's Migrator wants them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The product's own migrations. */
export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

const namePattern = /^\d{4}_[a-z0-9_]+$/;

/**
 * Reads every `NNNN_subject.sql` below `folder`, by name without the ending. A file may hold any number of statements;
 * it is sent as one simple query.
 *
 * @throws when a name does not fit or two files share a number: order would then depend on spelling.
 */
export async function readMigrations(folder: string): Promise<Record<string, Migration>> {
  const migrations: Record<string, Migration> = {};
  const numbers = new Set<string>();
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).toSorted();
  for (const file of files) {
    const name = file.slice(0, -'.sql'.length);
    const number = name.slice(0, 4);
    if (!namePattern.test(name)) throw new Error(`migration ${file} is not named NNNN_subject.sql`);
    if (numbers.has(number)) throw new Error(`two migrations carry the number ${number}`);
    numbers.add(number);
    migrations[name] = await migrationFrom(join(folder, file));
  }
  return migrations;
}

async function migrationFrom(path: string): Promise<Migration> {
  const text = await readFile(path, 'utf8');
  return {
    async up(db) {
      await sql.raw(text).execute(db);
    },
  };
}
