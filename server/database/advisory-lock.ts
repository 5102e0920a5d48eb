/** Advisory locks: agreements between processes on one database that need no table. */
import { type Kysely, sql } from 'kysely';
import type { DB } from './tables.generated.ts';

/**
 * Lock numbers in use, so no two subjects share one. Two-key locks (`pg_try_advisory_lock(class, number)`) live in a
 * space of their own; their classes are listed here too.
 */
export const advisoryLocks = {
  /** Held while migrations run. */
  migration: 7_340_001,
  /** Class of the lock each living process holds on its own number. */
  processClass: 7_340_002,
  /** Class of the lock on the limits of one key, named in `refused_by_limits` of migration 0014. */
  keyLimitsClass: 7_340_003,
} as const;

/** The numbers of the processes that hold their process lock on this database (`ChangeFeed.holdProcessLock`). */
export async function livingProcesses(db: Kysely<DB>): Promise<number[]> {
  const { rows } = await sql<{ number: number }>`
    select objid::int8 as number from pg_locks
    where locktype = 'advisory' and granted and objsubid = 2
      and classid::int8 = ${advisoryLocks.processClass}
      and database = (select oid from pg_database where datname = current_database())
    order by number`.execute(db);
  return rows.map((row) => row.number);
}
