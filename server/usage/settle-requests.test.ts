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
import type { StoredDecision } from '../contract/decisions.ts';
import type { Reservation } from './ledger-rows.ts';
import { insertAttempt } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
let house: Household;

const decision: StoredDecision = {
  at: '2026-11-23T12:00:00.000Z',
  rules: '1',
  strategy: 'bridge_ring',
  ringSize: 3,
  floorPercent: 5,
  locality: 'prompt_cache_key_absent',
  decidedBy: 'spread',
  total: 2,
  eligible: 2,
  excluded: {},
  candidates: [],
};

beforeAll(async () => {
  database = await testDatabase();
  house = await makeHousehold(database.db);
});
afterAll(() => database.stop());

describe('a settlement', () => {
  it('closes the request, its attempts, and gives back what was set aside', async () => {
    const reservation = await reserved();
    const second = makeAttemptRow(reservation, { id: randomUUID(), number: 2, accountId: house.accountIds[1] ?? '' });
    await insertAttempt(database.pool, { requestId: reservation.requestId, attempt: second });
    const first = makeAttemptRow(reservation, { status: 'retryable_failed', upstreamStatus: 503, errorCode: 'x' });
    const settlement = makeSettlement(reservation, { attempts: [first, second], accountId: second.accountId });
    expect(await settleRequests(database.pool, [settlement])).toEqual(['closed']);
    expect(await requestOf(reservation)).toMatchObject({
      status: 'succeeded',
      usageStatus: 'usage_known',
      attemptCount: 2,
      accountId: second.accountId,
      servedTier: 'default',
      totalMs: 5_000,
      completedAt: settlement.completedAt,
    });
    expect(await attemptsOf(reservation)).toMatchObject([
      { number: 1, status: 'retryable_failed', upstreamStatus: 503, errorCode: 'x' },
      { number: 2, status: 'succeeded', upstreamStatus: 200 },
    ]);
    expect(await entriesOf(reservation)).toMatchObject([
      { event: 'release', requests: -1, inputTokens: -100, cachedTokens: null, costMicros: '-1100.000000000' },
      { event: 'reservation', requests: 1 },
      { event: 'settlement', requests: 1, inputTokens: 100, cachedTokens: 40, costMicros: '900.125000000' },
    ]);
  });

  it('brings the choice behind an attempt that it writes itself, and keeps what stands', async () => {
    const reservation = await reserved({ decision });
    const first = makeAttemptRow(reservation, { status: 'retryable_failed' });
    const second = { ...first, id: randomUUID(), number: 2, decision: { ...decision, decidedBy: 'sealed' as const } };
    const other = { ...first, decision: { ...decision, decidedBy: 'floor' as const } };
    await settleRequests(database.pool, [makeSettlement(reservation, { attempts: [other, second] })]);
    expect(await attemptsOf(reservation)).toMatchObject([
      { number: 1, decision: { decidedBy: 'spread' } },
      { number: 2, decision: { decidedBy: 'sealed' } },
    ]);
  });

  it('written twice, or by many at once, changes nothing more', async () => {
    const reservation = await reserved();
    const settlement = makeSettlement(reservation);
    const results = await Promise.all(Array.from({ length: 8 }, () => settleRequests(database.pool, [settlement])));
    expect(results.flat().filter((each) => each === 'closed')).toHaveLength(1);
    const other = makeSettlement(reservation, {
      status: 'failed',
      uses: [makeUse(reservation, { inputTokens: 9_999 })],
    });
    expect(await settleRequests(database.pool, [other])).toEqual(['unchanged']);
    expect(await requestOf(reservation)).toMatchObject({ status: 'succeeded' });
    expect((await entriesOf(reservation)).map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement']);
  });

  it('leaves unsaid what the provider did not say, and tells it from none', async () => {
    const said = async (cachedTokens: number | null) => {
      const reservation = await reserved();
      await settleRequests(database.pool, [
        makeSettlement(reservation, { uses: [makeUse(reservation, { cachedTokens })] }),
      ]);
      return (await entriesOf(reservation)).find(({ event }) => event === 'settlement')?.cachedTokens;
    };
    expect([await said(null), await said(0)]).toEqual([null, 0]);
  });

  it('of a request that was never sent only gives back', async () => {
    const reservation = await reserved();
    await settleRequests(database.pool, [
      makeSettlement(reservation, { status: 'failed', usageStatus: 'not_applicable', uses: [] }),
    ]);
    expect((await entriesOf(reservation)).map(({ event }) => event)).toEqual(['release', 'reservation']);
  });

  it('of a request that nobody reserved does nothing', async () => {
    const settlement = makeSettlement(makeReservation(house));
    expect(await settleRequests(database.pool, [settlement])).toEqual(['unchanged']);
    expect(await entriesOf(settlement)).toEqual([]);
  });

  it('notes when its key was last used, at most once a minute', async () => {
    const own = await makeHousehold(database.db, { keys: 1 });
    const lastUse = async () => {
      const keys = database.db.selectFrom('apiKeys').select('lastUsedAt');
      return (await keys.where('id', '=', own.keyIds[0] ?? '').executeTakeFirstOrThrow()).lastUsedAt;
    };
    const use = async (ms: number) => {
      const reservation = await reserved({}, own);
      const completedAt = new Date(beginning.getTime() + ms);
      await settleRequests(database.pool, [makeSettlement(reservation, { completedAt })]);
    };
    await use(0);
    expect(await lastUse()).toEqual(beginning);
    await use(59_000);
    expect(await lastUse()).toEqual(beginning);
    await use(61_000);
    expect(await lastUse()).toEqual(new Date(beginning.getTime() + 61_000));
    await use(1_000);
    expect(await lastUse()).toEqual(new Date(beginning.getTime() + 61_000));
  });
});

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

describe('usage that an attempt reported before its request moved on', () => {
  it('counts for its account, and the request counts once', async () => {
    const own = await makeHousehold(database.db);
    const reservation = await reserved({}, own);
    const second = own.accountIds[1] ?? '';
    const uses = [
      makeUse(reservation, {
        event: 'attempt:1',
        inputTokens: 9,
        outputTokens: 1,
        totalTokens: 10,
        costMicros: '5.000',
      }),
      makeUse(reservation, { accountId: second }),
    ];
    await settleRequests(database.pool, [makeSettlement(reservation, { accountId: second, uses })]);
    expect(await entriesOf(reservation)).toMatchObject([
      { event: 'attempt:1', requests: 0, accountId: reservation.accountId, totalTokens: 10 },
      { event: 'release', requests: -1 },
      { event: 'reservation', requests: 1 },
      { event: 'settlement', requests: 1, accountId: second, totalTokens: 120 },
    ]);
    const hours = await hoursOf(own);
    expect(hours.find(({ accountId }) => accountId === reservation.accountId)).toMatchObject({
      requests: 0,
      usageKnown: 0,
      totalTokens: 10,
    });
    expect(hours.find(({ accountId }) => accountId === second)).toMatchObject({
      requests: 1,
      usageKnown: 1,
      totalTokens: 120,
    });
  });
});

describe('the hourly sums', () => {
  it('belong to the hour in which the request came, in UTC', async () => {
    const own = await makeHousehold(database.db);
    const admittedAt = new Date('2026-11-23T12:59:59.999Z');
    const reservation = await reserved({ admittedAt }, own);
    await settleRequests(database.pool, [makeSettlement(reservation)]);
    expect(await hoursOf(own)).toMatchObject([{ hour: new Date('2026-11-23T12:00:00Z'), requests: 1 }]);
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

function requestOf({ requestId }: { requestId: string }) {
  return database.db.selectFrom('requests').selectAll().where('id', '=', requestId).executeTakeFirst();
}

function attemptsOf({ requestId }: { requestId: string }) {
  return database.db.selectFrom('attempts').selectAll().where('requestId', '=', requestId).orderBy('number').execute();
}

function entriesOf({ requestId }: { requestId: string }) {
  return database.db
    .selectFrom('ledgerEntries')
    .selectAll()
    .where('requestId', '=', requestId)
    .orderBy('event')
    .execute();
}

function hoursOf({ poolId }: Household) {
  return database.db.selectFrom('usageHours').selectAll().where('poolId', '=', poolId).orderBy('hour').execute();
}
