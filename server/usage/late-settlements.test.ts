/** A request that others closed because its process seemed dead, and what that process says of it later. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import {
  makeAttemptRow,
  makeHousehold,
  makeReservation,
  makeSettlement,
  makeUse,
  type Household,
} from '../../test/support/ledger-rows.ts';
import { storedRows } from '../../test/support/stored-rows.ts';
import type { Reservation } from './ledger-rows.ts';
import { insertAttempt } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
let house: Household;
const { requestOf, attemptsOf, entriesOf, hoursOf } = storedRows(() => database);

beforeAll(async () => {
  database = await testDatabase();
  house = await makeHousehold(database.db);
});
afterAll(() => database.stop());

describe('a request that was closed because its process seemed dead', () => {
  it('is corrected by the usage its process learns later: row, attempts, ledger and hourly sums', async () => {
    const own = await makeHousehold(database.db);
    const reservation = await reserved({}, own);
    await closedByOthers(reservation);
    expect(await hoursOf(own)).toMatchObject([{ requests: 1, failed: 1, usageKnown: 0, totalTokens: 0 }]);
    const settlement = makeSettlement(reservation);
    expect(await settleRequests(database.pool, [settlement])).toEqual(['corrected']);
    expect(await requestOf(reservation)).toMatchObject({
      status: 'succeeded',
      usageStatus: 'usage_known',
      errorCode: null,
      responseStatus: 200,
      completedAt: settlement.completedAt,
    });
    expect(await attemptsOf(reservation)).toMatchObject([
      { status: 'succeeded', errorCode: null, upstreamStatus: 200 },
    ]);
    expect(await entriesOf(reservation)).toMatchObject([
      { event: 'correction', requests: 1, usageStatus: 'usage_known', cachedTokens: 40, costMicros: '900.125000000' },
      { event: 'release', requests: -1 },
      { event: 'reservation', requests: 1 },
      { event: 'settlement', requests: 1, usageStatus: 'usage_unknown', costMicros: '1100.000000000' },
      { event: 'void', requests: -1, totalTokens: -120, costMicros: '-1100.000000000', createdAt: sweptAt },
    ]);
    expect(await hoursOf(own)).toMatchObject([
      { requests: 1, succeeded: 1, failed: 0, usageKnown: 1, totalTokens: 120, costMicros: '900.125000000' },
    ]);
  });

  it('is corrected once, however often and by how many it is said', async () => {
    const own = await makeHousehold(database.db);
    const reservation = await reserved({}, own);
    await closedByOthers(reservation);
    const settlement = makeSettlement(reservation);
    const results = await Promise.all(Array.from({ length: 8 }, () => settleRequests(database.pool, [settlement])));
    expect(results.flat().filter((each) => each === 'corrected')).toHaveLength(1);
    const other = makeSettlement(reservation, { uses: [makeUse(reservation, { totalTokens: 9_999 })] });
    expect(await settleRequests(database.pool, [other])).toEqual(['unchanged']);
    expect(await entriesOf(reservation)).toHaveLength(5);
    expect(await hoursOf(own)).toMatchObject([{ requests: 1, usageKnown: 1, totalTokens: 120 }]);
  });

  it('is not closed again by those who thought so', async () => {
    const reservation = await reserved();
    await settleRequests(database.pool, [makeSettlement(reservation, { usageStatus: 'usage_unknown', uses: [] })]);
    expect(await closedByOthers(reservation)).toEqual(['unchanged']);
    expect(await requestOf(reservation)).toMatchObject({ status: 'succeeded', usageStatus: 'usage_unknown' });
  });

  it('tells how it ended also without its usage, for which the estimate stays', async () => {
    const own = await makeHousehold(database.db);
    const reservation = await reserved({}, own);
    await closedByOthers(reservation);
    const left = {
      status: 'cancelled',
      usageStatus: 'usage_unknown',
      errorCode: 'client_disconnected',
      uses: [],
    } as const;
    expect(await settleRequests(database.pool, [makeSettlement(reservation, left)])).toEqual(['corrected']);
    expect(await requestOf(reservation)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    expect((await entriesOf(reservation)).map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement']);
    expect(await hoursOf(own)).toMatchObject([{ requests: 1, cancelled: 1, failed: 0, usageKnown: 0 }]);
  });

  it('counts nothing any more when nothing was ever sent', async () => {
    const reservation = await reserved();
    await closedByOthers(reservation);
    const unsent = { status: 'failed', usageStatus: 'not_applicable', errorCode: 'connect_failed', uses: [] } as const;
    await settleRequests(database.pool, [makeSettlement(reservation, unsent)]);
    const entries = await entriesOf(reservation);
    expect(entries.map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement', 'void']);
    expect(entries.reduce((sum, { requests }) => sum + requests, 0)).toBe(0);
    expect(entries.reduce((sum, { totalTokens }) => sum + (totalTokens ?? 0), 0)).toBe(0);
  });

  it('moves in the hourly sums to the account that served it in the end', async () => {
    const own = await makeHousehold(database.db);
    const reservation = await reserved({}, own);
    await closedByOthers(reservation);
    const second = makeAttemptRow(reservation, { id: randomUUID(), number: 2, accountId: own.accountIds[1] ?? '' });
    // Nobody would close an attempt that begins under a closed request, so it comes with the settlement.
    await insertAttempt(database.pool, { requestId: reservation.requestId, attempt: second });
    expect(await attemptsOf(reservation)).toHaveLength(1);
    const uses = [makeUse(reservation, { accountId: second.accountId })];
    const attempts = [makeAttemptRow(reservation), second];
    await settleRequests(database.pool, [makeSettlement(reservation, { accountId: second.accountId, attempts, uses })]);
    expect(await attemptsOf(reservation)).toHaveLength(2);
    const hours = await hoursOf(own);
    expect(hours.find(({ accountId }) => accountId === reservation.accountId)).toMatchObject({
      requests: 0,
      failed: 0,
      attempts: 0,
    });
    expect(hours.find(({ accountId }) => accountId === second.accountId)).toMatchObject({
      requests: 1,
      succeeded: 1,
      attempts: 2,
      totalTokens: 120,
    });
  });
});

const sweptAt = new Date(beginning.getTime() + 30_000);

/** What the sweep of another process says. */
function closedByOthers(reservation: Reservation) {
  const errorCode = 'process_ended';
  const attempts = [
    makeAttemptRow(reservation, { status: 'failed', errorCode, upstreamStatus: null, completedAt: sweptAt }),
  ];
  const guess = { status: 'failed', usageStatus: 'usage_unknown', responseStatus: null, uses: [] } as const;
  return settleRequests(database.pool, [
    makeSettlement(reservation, { ...guess, errorCode, attempts, completedAt: sweptAt }),
  ]);
}

async function reserved(overrides: Partial<Reservation> = {}, own: Household = house): Promise<Reservation> {
  const reservation = makeReservation(own, overrides);
  await reserveRequests(database.pool, [reservation]);
  return reservation;
}
