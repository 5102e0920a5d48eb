/** What a request left in the database, row by row, for tests of the statements that write it. */
import type { TestDatabase } from './database.ts';
import { ledgerOf } from './ledger.ts';

interface OfRequest {
  readonly requestId: string;
}

/**
 * @param database - Asked at each call, because a file's database is there only once its tests run.
 * @example const { requestOf, entriesOf } = storedRows(() => database);
 */
export function storedRows(database: () => Pick<TestDatabase, 'db'>) {
  return {
    requestOf: ({ requestId }: OfRequest) =>
      database().db.selectFrom('requests').selectAll().where('id', '=', requestId).executeTakeFirst(),
    attemptsOf: ({ requestId }: OfRequest) =>
      database().db.selectFrom('attempts').selectAll().where('requestId', '=', requestId).orderBy('number').execute(),
    /** Its ledger, by event. */
    entriesOf: ({ requestId }: OfRequest) => ledgerOf(database().db, requestId),
    hoursOf: ({ poolId }: { readonly poolId: string }) =>
      database().db.selectFrom('usageHours').selectAll().where('poolId', '=', poolId).orderBy('hour').execute(),
  };
}
