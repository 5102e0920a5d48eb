/** SQL of the limits of keys. The sums they are compared with are kept by the ledger itself (migration 0014). */
import { type Kysely, sql } from 'kysely';
import type { KeyLimit, KeyLimitUse } from '../contract/limits.ts';
import { LimitUnit, LimitWindow } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';

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

/** Sums older than this are in no window: the longest is a month. */
const longestWindowDays = 32;

/**
 * Sets a limit; the one it replaces keeps its id. A key's first limit counts what was used before it: its sums are made
 * from the ledger while nobody writes there, so that none is missed and none counted twice.
 *
 * @returns the id of the limit.
 */
export function setLimit(db: Kysely<DB>, limit: KeyLimitRow & { readonly at: Date }): Promise<string> {
  const { keyId, at, window, ...row } = limit;
  return db.transaction().execute(async (transaction) => {
    await sql`lock table ledger_entries in share row exclusive mode`.execute(transaction);
    const before = await transaction.selectFrom('apiKeyLimits').select('id').where('apiKeyId', '=', keyId).execute();
    if (before.length === 0) await countFromLedger(transaction, { keyId, at });
    const { id } = await transaction
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
  });
}

async function countFromLedger(db: Kysely<DB>, { keyId, at }: { keyId: string; at: Date }): Promise<void> {
  await db.deleteFrom('apiKeyUse').where('apiKeyId', '=', keyId).execute();
  await sql`
    insert into api_key_use (api_key_id, grain, starts_at, model, requests, input_tokens, output_tokens, total_tokens,
      cost_micros)
    select api_key_id, grain, starts_at, model, sum(requests), sum(input_tokens), sum(output_tokens), sum(total_tokens),
      sum(cost_micros)
    from api_key_use_parts
    where api_key_id = ${keyId} and created_at > ${at}::timestamptz - make_interval(days => ${longestWindowDays})
    group by 1, 2, 3, 4`.execute(db);
}

export async function deleteLimit(db: Kysely<DB>, id: string): Promise<void> {
  await db.deleteFrom('apiKeyLimits').where('id', '=', id).execute();
}

/**
 * Removes sums that no window reaches back to, with a wide margin for streams that settle late.
 *
 * @returns how many.
 */
export async function forgetOldUse(db: Kysely<DB>, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from api_key_use where (api_key_id, grain, starts_at, model) in (
      select api_key_id, grain, starts_at, model from api_key_use
      where grain = 'second' and starts_at < ${now}::timestamptz - interval '3 hours'
        or grain = 'minute' and starts_at < ${now}::timestamptz - interval '12 hours'
        or grain = 'hour' and starts_at < ${now}::timestamptz - make_interval(days => ${longestWindowDays})
        or grain = 'open' and requests = 0
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
