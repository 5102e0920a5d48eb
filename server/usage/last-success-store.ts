/** SQL of when each account last served, to the hour: enough to go on with after a restart. */
import { sql, type Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

/** Accounts that served in the last thirty days; older ones count as never used. */
export async function selectLastSuccesses(db: Kysely<DB>): Promise<ReadonlyMap<string, Date>> {
  const rows = await db
    .selectFrom('usageHours')
    .select((eb) => ['accountId', eb.fn.max('hour').as('at')])
    .where('succeeded', '>', 0)
    .where('accountId', 'is not', null)
    .where('hour', '>', sql<Date>`now() - interval '30 days'`)
    .groupBy('accountId')
    .execute();
  return new Map(rows.flatMap(({ accountId, at }) => (accountId === null ? [] : [[accountId, at]])));
}
