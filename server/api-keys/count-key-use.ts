/**
 * Begins and ends the counting of what a key uses (migration 0020). The past is summed after counting began, while
 * everybody goes on writing: nobody waits for it but whoever sets the key's first limit.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import { GatewayError } from '../contract/gateway-error.ts';
import type { DB } from '../database/tables.generated.ts';

/**
 * The moment that parts past and future needs the ledger without a writer in the middle of something. Whoever comes
 * after the one that waits for that waits as well, so it waits briefly and lets them go first; the last time long enough
 * that the database's own cleaning gives way, which it does after a second.
 */
const patienceMs = [...Array.from({ length: 20 }, () => 100), 2_000];

/** What is in no window any more need not be summed: wide margins, for streams that settle late. */
export const keptFor = { second: '3 hours', minute: '12 hours', hour: '32 days' } as const;

/**
 * Begins to count, unless that began before.
 *
 * @throws {GatewayError} `conflict` when writers left no moment for it.
 */
export async function beginCounting(db: Kysely<DB>, keyId: string): Promise<void> {
  for (const waitMs of patienceMs) {
    try {
      await db.transaction().execute((transaction) => partPastFromFuture(transaction, { keyId, waitMs }));
      return;
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
    }
  }
  throw new GatewayError('conflict', { detail: 'Something else works on the ledger; try again in a moment.' });
}

async function partPastFromFuture(
  db: Transaction<DB>,
  { keyId, waitMs }: { keyId: string; waitMs: number },
): Promise<void> {
  const known = await db.selectFrom('apiKeyCounts').select('apiKeyId').where('apiKeyId', '=', keyId).execute();
  if (known.length > 0) return;
  await sql`set local lock_timeout = ${sql.lit(waitMs)}`.execute(db);
  await sql`lock table ledger_entries in share row exclusive mode`.execute(db);
  const begun = await sql`
    insert into api_key_counts (api_key_id, counted_from, is_whole)
    values (${keyId}, coalesce(pg_sequence_last_value('ledger_entries_number_seq'), 0), false)
    on conflict do nothing`.execute(db);
  // What was counted for limits that are lifted since.
  if (begun.numAffectedRows === 1n) await db.deleteFrom('apiKeyUse').where('apiKeyId', '=', keyId).execute();
}

/** @returns false when counting ended meanwhile, because the key's last limit was lifted. */
export async function addPast(db: Transaction<DB>, { keyId, at }: { keyId: string; at: Date }): Promise<boolean> {
  const count = await holdCount(db, keyId);
  if (!count) return false;
  if (count.isWhole) return true;
  await sql`
    insert into api_key_use as sum (api_key_id, grain, starts_at, model, requests, input_tokens, output_tokens,
      total_tokens, cost_micros)
    select api_key_id, grain, starts_at, model, sum(requests), sum(input_tokens), sum(output_tokens), sum(total_tokens),
      sum(cost_micros)
    from api_key_use_parts
    where api_key_id = ${keyId} and number <= ${count.countedFrom}
      and created_at > ${at}::timestamptz - ${keptFor.hour}::interval
      and (grain <> 'second' or starts_at > ${at}::timestamptz - ${keptFor.second}::interval)
      and (grain <> 'minute' or starts_at > ${at}::timestamptz - ${keptFor.minute}::interval)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (api_key_id, grain, starts_at, model) do update set
      requests = sum.requests + excluded.requests, input_tokens = sum.input_tokens + excluded.input_tokens,
      output_tokens = sum.output_tokens + excluded.output_tokens,
      total_tokens = sum.total_tokens + excluded.total_tokens,
      cost_micros = sum.cost_micros + excluded.cost_micros`.execute(db);
  await db.updateTable('apiKeyCounts').set({ isWhole: true }).where('apiKeyId', '=', keyId).execute();
  return true;
}

/** Nobody counts what no limit asks for. Call it before a limit is lifted, and end counting if none is left. */
export function holdCount(db: Transaction<DB>, keyId: string) {
  return db.selectFrom('apiKeyCounts').selectAll().where('apiKeyId', '=', keyId).forUpdate().executeTakeFirst();
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
