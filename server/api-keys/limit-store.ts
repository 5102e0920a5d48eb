/** SQL of the limits of keys. The sums they are compared with are kept by the ledger itself (migration 0014). */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { KeyLimit, KeyLimitUse } from '../contract/limits.ts';
import { LimitUnit, LimitWindow } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import { addPast, beginCounting, holdCount, keptFor } from './count-key-use.ts';

export interface KeyLimitRow extends KeyLimit {
  readonly keyId: string;
}

const columns = ['id', 'apiKeyId', 'unit', 'limitWindow', 'model', 'maximum'] as const;

/** Every limit of every key. */
export async function listLimits(db: Kysely<DB>): Promise<KeyLimitRow[]> {
  const rows = await db.selectFrom('apiKeyLimits').select(columns).orderBy('id').execute();
  return rows.map((row) => ({ ...limitOf(row), keyId: row.apiKeyId }));
}

/** The limits of one key, or one of them, with what is used of them now. */
export async function limitsInUse(
  db: Kysely<DB>,
  { keyId, id, at }: { keyId: string; id?: string; at: Date },
): Promise<KeyLimitUse[]> {
  const used = sql<string>`api_key_limit_used(api_key_limits, ${at})`;
  let query = db
    .selectFrom('apiKeyLimits')
    .select([
      ...columns,
      used.as('used'),
      sql<Date | null>`api_key_limit_free_at(api_key_limits, ${at}, ${used}, 1)`.as('freeAt'),
    ])
    .where('apiKeyId', '=', keyId)
    .orderBy('createdAt')
    .orderBy('id');
  if (id !== undefined) query = query.where('id', '=', id);
  const rows = await query.execute();
  return rows.map((row) => ({
    ...limitOf(row),
    used: row.limitWindow === 'request' ? null : Math.ceil(Number(row.used)),
    freeAt: row.freeAt && row.freeAt > at ? row.freeAt : null,
  }));
}

/**
 * Sets a limit; the one it replaces keeps its id. A key's first limit counts what was used before it.
 *
 * @returns the id of the limit.
 */
export async function setLimit(db: Kysely<DB>, limit: KeyLimitRow & { readonly at: Date }): Promise<string> {
  // Again only if the key's last limit is lifted in between.
  for (;;) {
    await beginCounting(db, limit.keyId);
    const id = await db.transaction().execute((transaction) => writeLimit(transaction, limit));
    if (id !== null) return id;
  }
}

async function writeLimit(db: Transaction<DB>, limit: KeyLimitRow & { readonly at: Date }): Promise<string | null> {
  const { keyId, at, window, ...row } = limit;
  if (!(await addPast(db, { keyId, at }))) return null;
  const { id } = await db
    .insertInto('apiKeyLimits')
    .values({ ...row, apiKeyId: keyId, limitWindow: window, createdAt: at })
    .onConflict((conflict) =>
      conflict
        .columns(['apiKeyId', 'model', 'unit', 'limitWindow'])
        .doUpdateSet((eb) => ({ maximum: eb.ref('excluded.maximum') })),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** Lifts a limit. With the last of a key its use is no longer counted. */
export function deleteLimit(db: Kysely<DB>, { keyId, id }: { keyId: string; id: string }): Promise<void> {
  return db.transaction().execute(async (transaction) => {
    await holdCount(transaction, keyId);
    await transaction.deleteFrom('apiKeyLimits').where('id', '=', id).execute();
    await transaction
      .deleteFrom('apiKeyCounts')
      .where('apiKeyId', '=', keyId)
      .where('apiKeyId', 'not in', transaction.selectFrom('apiKeyLimits').select('apiKeyId'))
      .execute();
  });
}

/**
 * Removes sums that no window reaches back to, and those of keys that are no longer counted.
 *
 * @returns how many.
 */
export async function forgetOldUse(db: Kysely<DB>, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from api_key_use where (api_key_id, grain, starts_at, model) in (
      select api_key_id, grain, starts_at, model from api_key_use
      where grain = 'second' and starts_at < ${now}::timestamptz - ${keptFor.second}::interval
        or grain = 'minute' and starts_at < ${now}::timestamptz - ${keptFor.minute}::interval
        or grain = 'hour' and starts_at < ${now}::timestamptz - ${keptFor.hour}::interval
        or grain = 'open' and requests = 0
        or api_key_id not in (select api_key_id from api_key_counts)
      -- What is being written is left for the next time.
      for update skip locked
    )`.execute(db);
  return Number(numAffectedRows ?? 0);
}

function limitOf(row: {
  id: string;
  unit: string;
  limitWindow: string;
  model: string | null;
  maximum: number;
}): KeyLimit {
  const { id, model, maximum } = row;
  return { id, model, maximum, unit: LimitUnit.parse(row.unit), window: LimitWindow.parse(row.limitWindow) };
}
