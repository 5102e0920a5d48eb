/** SQL behind the system report: sizes, counts and ages over all tables. Reads only. */
import { sql, type Kysely } from 'kysely';
import type { AccountStatus } from '../contract/vocabulary.ts';
import { livingProcesses } from '../database/advisory-lock.ts';
import type { DB } from '../database/tables.generated.ts';

/** Counting this many rows takes well below a second; above it Postgres' own estimate will do. */
const mostCounted = 100_000;

export interface TableCount {
  readonly table: string;
  readonly rows: number;
  readonly isEstimate: boolean;
}

/** Rows of every table of ours, by name. */
export async function countRows(db: Kysely<DB>): Promise<TableCount[]> {
  const plain = db.withoutPlugins();
  const { rows: tables } = await sql<{ name: string; estimate: number }>`
    select relname as name, reltuples::int8 as estimate from pg_class
    where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname not like 'kysely\_%'
    order by relname`.execute(plain);
  const counts: TableCount[] = [];
  for (const { name, estimate } of tables) {
    const { rows } = await sql<{ counted: number }>`
      select count(*) as counted from (select from ${sql.table(name)} limit ${mostCounted + 1}) as bounded`.execute(
      plain,
    );
    const counted = rows[0]?.counted ?? 0;
    const isEstimate = counted > mostCounted;
    counts.push({ table: name, rows: isEstimate ? Math.max(counted, estimate) : counted, isEstimate });
  }
  return counts;
}

/** Which Postgres, and how much disk its database takes. */
export async function selectDatabaseFacts(db: Kysely<DB>): Promise<{ version: string; bytes: number }> {
  const { rows } = await sql<{ version: string; bytes: number }>`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      pg_database_size(current_database()) as bytes`.execute(db);
  return rows[0] ?? { version: 'unknown', bytes: 0 };
}

/** Those that hold the lock on their number. */
export async function selectLivingProcesses(db: Kysely<DB>) {
  const living = await livingProcesses(db);
  if (living.length === 0) return [];
  return db
    .selectFrom('serverProcesses')
    .select(['number', 'version', 'startedAt'])
    .where('number', 'in', living)
    .orderBy('number')
    .execute();
}

/** Requests that are not settled: those that run, and what ended processes left for the sweep. */
export async function selectOpenRequests(db: Kysely<DB>): Promise<{ count: number; oldestAt: Date | null }> {
  return db
    .selectFrom('requests')
    .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.min<Date | null>('admittedAt').as('oldestAt')])
    .where('status', '=', 'in_progress')
    .executeTakeFirstOrThrow();
}

/** Accounts that are not removed, oldest first. The e-mail comes whole: mask it before it goes anywhere. */
export async function selectAccountHealth(db: Kysely<DB>) {
  const rows = await db
    .selectFrom('accounts')
    .leftJoin('accountCatalogs', 'accountCatalogs.accountId', 'accounts.id')
    .leftJoin('accountProbes', 'accountProbes.accountId', 'accounts.id')
    .select((eb) => [
      'id',
      'email',
      'plan',
      'status',
      'statusReason',
      'statusChangedAt',
      'accessTokenExpiresAt',
      'refreshedAt',
      'accountCatalogs.fetchedAt as modelsReadAt',
      'accountProbes.askedAt as limitsAskedAt',
      eb.fn.coalesce('accountProbes.failures', sql<number>`0`).as('limitsFailures'),
      eb
        .selectFrom('quotaWindows')
        .whereRef('quotaWindows.accountId', '=', 'accounts.id')
        .select((inner) => inner.fn.max('observedAt').as('at'))
        .as('quotaReadAt'),
    ])
    .where('deletedAt', 'is', null)
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({ ...row, status: row.status as AccountStatus }));
}
