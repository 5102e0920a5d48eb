/** What requests left behind in the database, and the rules that must hold for all of it. */
import type { Kysely } from 'kysely';
import type { DB } from '../../server/database/tables.generated.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';

/** The request's row once it is closed: settlement follows the last byte. */
export async function settledRow(gateway: GatewayUnderTest, requestId: string | null | undefined) {
  for (let nth = 1; ; nth += 1) {
    const row = await gateway.database.db
      .selectFrom('requests')
      .selectAll()
      .where('id', '=', requestId ?? '')
      .executeTakeFirst();
    if (row && row.status !== 'in_progress') return row;
    await gateway.settled(nth);
  }
}

/** Ids of all requests that have a row by now. */
export async function requestIds({ database }: Pick<GatewayUnderTest, 'database'>): Promise<ReadonlySet<string>> {
  const rows = await database.db.selectFrom('requests').select('id').execute();
  return new Set(rows.map(({ id }) => id));
}

/** The row of the one request that is not among `known`, once it is closed: for clients that never saw its id. */
export async function newRow(gateway: GatewayUnderTest, known: ReadonlySet<string>) {
  for (let nth = 1; ; nth += 1) {
    const id = String((await gateway.logged('exchange_settled', nth)).facts['requestId']);
    if (!known.has(id)) return settledRow(gateway, id);
  }
}

export async function ledgerOf(db: Kysely<DB>, requestId: string) {
  return db.selectFrom('ledgerEntries').selectAll().where('requestId', '=', requestId).orderBy('event').execute();
}

/** The events by which a request may have been closed: at once, or by others first and then by its own process. */
const waysToClose: Readonly<Record<string, readonly string[]>> = {
  not_applicable: ['release reservation', 'release reservation settlement void'],
  usage_unknown: ['release reservation settlement'],
  usage_known: ['release reservation settlement', 'correction release reservation settlement void'],
};

/** All of one moment: what is written between two readings would look like a fault. */
function readBooks(db: Kysely<DB>) {
  const moment = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return moment.execute(async (books) => ({
    requests: await books.selectFrom('requests').selectAll().execute(),
    entries: await books.selectFrom('ledgerEntries').selectAll().execute(),
    attempts: await books.selectFrom('attempts').selectAll().execute(),
    hours: await books.selectFrom('usageHours').selectAll().execute(),
  }));
}

/** Facts over everything that was ever recorded; each is empty or zero in sound books. */
export async function faultsInBooks(db: Kysely<DB>) {
  const { requests, entries, attempts, hours } = await readBooks(db);
  const byRequest = Map.groupBy(entries, ({ requestId }) => requestId);
  // What attempts reported before they moved on stands beside what closes their request.
  const eventsOf = (requestId: string) =>
    (byRequest.get(requestId) ?? [])
      .map(({ event }) => event)
      .filter((event) => !event.startsWith('attempt:'))
      .toSorted();
  const known = entries.filter(({ usageStatus }) => usageStatus === 'usage_known');
  const reserved = entries.filter(({ event }) => event === 'reservation' || event === 'release');
  const sum = <Row>(rows: readonly Row[], read: (row: Row) => unknown) =>
    rows.reduce((total, row) => total + Number(read(row) ?? 0), 0);
  const difference = (name: 'inputTokens' | 'cachedTokens' | 'outputTokens' | 'totalTokens' | 'costMicros') =>
    sum(hours, (row) => row[name]) - sum(known, (row) => row[name]);
  return {
    open: requests.filter(({ status, completedAt }) => status === 'in_progress' || completedAt === null).length,
    openAttempts: attempts.filter(({ status }) => status === 'in_progress').length,
    notClosedOnce: requests
      .filter(({ status }) => status !== 'rejected')
      .map(({ id, usageStatus }) => ({ id, usageStatus, events: eventsOf(id).join(' ') }))
      .filter(({ usageStatus, events }) => !waysToClose[usageStatus]?.includes(events)),
    stillReserved: {
      requests: sum(reserved, (row) => row.requests),
      tokens: sum(reserved, (row) => row.totalTokens),
      micros: sum(reserved, (row) => row.costMicros),
    },
    hoursBesideLedger: {
      requests: sum(hours, (row) => row.requests) - requests.length,
      known: sum(hours, (row) => row.usageKnown) - sum(known, (row) => row.requests),
      input: difference('inputTokens'),
      cached: difference('cachedTokens'),
      output: difference('outputTokens'),
      total: difference('totalTokens'),
      micros: Math.round(difference('costMicros')),
    },
  };
}

/** What {@link faultsInBooks} finds once nothing is open any more: settlement follows the last byte. */
export async function faultsAfterAll(gateway: Pick<GatewayUnderTest, 'database' | 'settled'>) {
  for (let nth = 1; ; nth += 1) {
    const faults = await faultsInBooks(gateway.database.db);
    if (faults.open === 0) return faults;
    await gateway.settled(nth);
  }
}

/** What {@link faultsInBooks} finds in sound books. */
export const soundBooks = {
  open: 0,
  openAttempts: 0,
  notClosedOnce: [],
  stillReserved: { requests: 0, tokens: 0, micros: 0 },
  hoursBesideLedger: { requests: 0, known: 0, input: 0, cached: 0, output: 0, total: 0, micros: 0 },
};
