/** SQL of settings. */
import { sql, type Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export function listStoredSettings(db: Kysely<DB>): Promise<{ name: string; value: unknown }[]> {
  return db.selectFrom('settings').select(['name', 'value']).orderBy('name').execute();
}

/** Stores a value, or forgets it with null so that the default holds. */
export async function storeSetting(
  db: Kysely<DB>,
  { name, value, at, by }: { name: string; value: string | number | boolean | null; at: Date; by: string },
): Promise<void> {
  if (value === null) {
    await db.deleteFrom('settings').where('name', '=', name).execute();
    return;
  }
  const row = { value: sql<string>`${JSON.stringify(value)}::jsonb`, changedAt: at, changedBy: by };
  await db
    .insertInto('settings')
    .values({ name, ...row })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
}
