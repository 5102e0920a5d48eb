/** SQL of retention: counting and removing the rows of a class that are past their time. */
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { RetentionRow } from './classes.ts';

/** Small enough that no statement holds its locks for long. */
export const batchSize = 5_000;

/** How many rows the next removal takes, and since when the oldest of them stands. */
export async function countDoomed(
  db: Kysely<DB>,
  row: RetentionRow,
  before: Date,
): Promise<{ rows: number; oldestAt: Date | null }> {
  const { rows } = await sql<{ rows: number; oldestAt: Date | null }>`
    select count(*) as rows, min(${sql.ref(row.age)}) as "oldestAt"
    from ${sql.table(row.table)} where ${isDoomed(row, before)}`.execute(db.withoutPlugins());
  return rows[0]!;
}

/** Removes up to one batch. @returns how many rows went; fewer than a batch means that none are left */
export async function removeBatch(db: Kysely<DB>, row: RetentionRow, before: Date): Promise<number> {
  const table = sql.table(row.table);
  const companions = row.with
    ? sql`, companions as (delete from ${sql.table(row.with.table)}
        where ${sql.ref(row.with.column)} in (select id from gone))`
    : sql``;
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from ${table}
      where ctid = any (array(select ctid from ${table} where ${isDoomed(row, before)} limit ${batchSize}))
        and ${isDoomed(row, before)}
      returning ${row.with ? sql.ref('id') : sql`1`}
    )${companions}
    select count(*) as count from gone`.execute(db.withoutPlugins());
  return rows[0]?.count ?? 0;
}

function isDoomed({ age, also }: RetentionRow, before: Date): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(age)} < ${before} and ${also ?? sql`true`})`;
}
