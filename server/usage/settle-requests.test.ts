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
import type { StoredDecision } from '../contract/decisions.ts';
import type { Reservation } from './ledger-rows.ts';
import { insertAttempt } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
let house: Household;
const { requestOf, attemptsOf, entriesOf, hoursOf } = storedRows(() => database);

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

async function reserved(overrides: Partial<Reservation> = {}, own: Household = house): Promise<Reservation> {
  const reservation = makeReservation(own, overrides);
  await reserveRequests(database.pool, [reservation]);
  return reservation;
}
