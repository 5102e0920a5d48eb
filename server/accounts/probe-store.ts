/** SQL of `account_probes`: when an account's limits were asked for, and how that went. */
import { sql, type Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export interface ProbeResult {
  readonly accountId: string;
  readonly askedAt: Date;
  /** Null when the question was answered. */
  readonly problem: string | null;
}

/** A question that failed adds to the failures in a row; one that was answered ends them. */
export async function saveProbe(db: Kysely<DB>, { accountId, askedAt, problem }: ProbeResult): Promise<void> {
  const succeeded = problem === null ? { succeededAt: askedAt } : {};
  await db
    .insertInto('accountProbes')
    .values({ accountId, askedAt, problem, failures: problem === null ? 0 : 1, ...succeeded })
    .onConflict((conflict) =>
      conflict.column('accountId').doUpdateSet({
        askedAt,
        problem,
        failures: problem === null ? 0 : sql<number>`account_probes.failures + 1`,
        ...succeeded,
      }),
    )
    .execute();
}

/** An account as the timetable of probes sees it. */
export interface ProbeFacts {
  readonly accountId: string;
  readonly askedAt: Date | null;
  readonly failures: number;
  /** When an answer to a client last told something of its limits: a sign of traffic, in whatever process. */
  readonly trafficAt: Date | null;
}

/** Accounts that can be asked, the one asked longest ago first. */
export async function selectProbeFacts(db: Kysely<DB>): Promise<ProbeFacts[]> {
  return db
    .selectFrom('accounts')
    .leftJoin('accountProbes', 'accountProbes.accountId', 'accounts.id')
    .select((eb) => [
      'accounts.id as accountId',
      'askedAt',
      eb.fn.coalesce('failures', sql<number>`0`).as('failures'),
      eb
        .selectFrom('quotaWindows')
        .whereRef('quotaWindows.accountId', '=', 'accounts.id')
        .where('source', '!=', 'usage_api')
        .select((inner) => inner.fn.max('observedAt').as('at'))
        .as('trafficAt'),
    ])
    .where('deletedAt', 'is', null)
    .where('status', '=', 'active')
    .orderBy(sql`asked_at nulls first`)
    .orderBy('accounts.id')
    .execute();
}
