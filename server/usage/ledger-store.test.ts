import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import {
  makeAmounts,
  makeAttemptRow,
  makeHousehold,
  makeReservation,
  makeSettlement,
  type Household,
} from '../../test/support/ledger-rows.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { systemClock } from '../world/real-world.ts';
import type { Rejection, Reservation, Settlement } from './ledger-rows.ts';
import { insertAttempt, rejectRequests, settleRequests } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';
import { sweepDeadProcesses } from './sweep.ts';

let database: TestDatabase;
let house: Household;

beforeAll(async () => {
  database = await testDatabase();
  house = await makeHousehold(database.db);
});
afterAll(() => database.stop());

describe('a reservation', () => {
  it('writes the request, its attempt and what is set aside, in one go', async () => {
    const reservation = makeReservation(house, { requestedTier: 'priority', reasoningEffort: 'high' });
    expect(await reserveRequests(database.pool, [reservation])).toEqual([true]);
    expect(await requestOf(reservation)).toMatchObject({
      status: 'in_progress',
      usageStatus: 'usage_unknown',
      processNumber: 1,
      model: 'gpt-5.5',
      requestedTier: 'priority',
      reasoningEffort: 'high',
      attemptCount: 1,
      completedAt: null,
    });
    expect(await attemptsOf(reservation)).toMatchObject([
      { id: reservation.attemptId, number: 1, status: 'in_progress', accountLabel: 'account 0' },
    ]);
    expect(await entriesOf(reservation)).toMatchObject([
      { event: 'reservation', requests: 1, inputTokens: 100, totalTokens: 120, costMicros: '1100.000000000' },
    ]);
  });

  it('made twice is one', async () => {
    const reservation = makeReservation(house);
    expect(await reserveRequests(database.pool, [reservation])).toEqual([true]);
    expect(await reserveRequests(database.pool, [reservation])).toEqual([true]);
    expect(await entriesOf(reservation)).toHaveLength(1);
    expect(await attemptsOf(reservation)).toHaveLength(1);
  });

  it('made many times at once is one', async () => {
    const reservation = makeReservation(house);
    await Promise.all(Array.from({ length: 8 }, () => reserveRequests(database.pool, [reservation])));
    expect(await entriesOf(reservation)).toHaveLength(1);
  });

  it.each([
    ['revoked', { revokedAt: beginning }],
    ['paused', { pausedAt: beginning }],
    ['expired', { expiresAt: beginning }],
  ])('is refused to a key that is %s, and only to that one', async (_name, change) => {
    const { keyIds } = await makeHousehold(database.db, { keys: 1 });
    const keyId = keyIds[0] ?? '';
    await database.db.updateTable('apiKeys').set(change).where('id', '=', keyId).execute();
    const [refused, fine] = [makeReservation(house, { keyId }), makeReservation(house)];
    expect(await reserveRequests(database.pool, [refused, fine])).toEqual([false, true]);
    expect(await requestOf(refused)).toBeUndefined();
    expect(await entriesOf(refused)).toEqual([]);
    expect(await attemptsOf(refused)).toEqual([]);
  });

  it('is refused to the keys of a disabled Pool', async () => {
    const other = await makeHousehold(database.db);
    await database.db.updateTable('pools').set({ disabledAt: beginning }).where('id', '=', other.poolId).execute();
    expect(await reserveRequests(database.pool, [makeReservation(other)])).toEqual([false]);
  });

  it('is given to a key that expires a moment later', async () => {
    const { keyIds } = await makeHousehold(database.db, { keys: 1 });
    const keyId = keyIds[0] ?? '';
    const expiresAt = new Date(beginning.getTime() + 1);
    await database.db.updateTable('apiKeys').set({ expiresAt }).where('id', '=', keyId).execute();
    expect(await reserveRequests(database.pool, [makeReservation(house, { keyId })])).toEqual([true]);
  });
});

describe('a settlement', () => {
  it('closes the request, its attempts, and gives back what was set aside', async () => {
    const reservation = await reserved();
    const second = makeAttemptRow(reservation, { id: randomUUID(), number: 2, accountId: house.accountIds[1] ?? '' });
    await insertAttempt(database.pool, { requestId: reservation.requestId, attempt: second });
    const first = makeAttemptRow(reservation, { status: 'retryable_failed', upstreamStatus: 503, errorCode: 'x' });
    const settlement = makeSettlement(reservation, { attempts: [first, second], accountId: second.accountId });
    expect(await settleRequests(database.pool, [settlement])).toEqual([true]);
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

  it('written twice, or by many at once, changes nothing more', async () => {
    const reservation = await reserved();
    const settlement = makeSettlement(reservation);
    const results = await Promise.all(Array.from({ length: 8 }, () => settleRequests(database.pool, [settlement])));
    expect(results.flat().filter(Boolean)).toHaveLength(1);
    const other = makeSettlement(reservation, { status: 'failed', amounts: makeAmounts({ inputTokens: 9_999 }) });
    expect(await settleRequests(database.pool, [other])).toEqual([false]);
    expect(await requestOf(reservation)).toMatchObject({ status: 'succeeded' });
    expect((await entriesOf(reservation)).map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement']);
  });

  it('of a request that was never sent only gives back', async () => {
    const reservation = await reserved();
    await settleRequests(database.pool, [
      makeSettlement(reservation, { status: 'failed', usageStatus: 'not_applicable' }),
    ]);
    expect((await entriesOf(reservation)).map(({ event }) => event)).toEqual(['release', 'reservation']);
  });

  it('of a request that nobody reserved does nothing', async () => {
    const settlement = makeSettlement(makeReservation(house));
    expect(await settleRequests(database.pool, [settlement])).toEqual([false]);
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

describe('a refused request', () => {
  it('leaves a row and is counted, and moves no money', async () => {
    const own = await makeHousehold(database.db);
    const rejections = [rejection(own), rejection(own)];
    await rejectRequests(database.pool, rejections);
    for (const each of rejections) {
      expect(await requestOf(each)).toMatchObject({
        status: 'rejected',
        usageStatus: 'not_applicable',
        errorCode: 'model_not_allowed',
        responseStatus: 400,
        attemptCount: 0,
      });
      expect(await entriesOf(each)).toEqual([]);
    }
    expect(await hoursOf(own)).toMatchObject([{ requests: 2, rejected: 2, succeeded: 0, totalTokens: 0 }]);
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

  it('are the sums of the ledger, whatever happened in whatever order', async () => {
    const outcome = fc.constantFrom('succeeded', 'failed', 'cancelled', 'never_sent', 'unknown', 'crashed', 'rejected');
    const history = fc.record({
      key: fc.nat(1),
      account: fc.nat(1),
      hour: fc.nat(2),
      model: fc.constantFrom('gpt-5.5', 'gpt-6.1-sol', null),
      outcome,
      repeats: fc.integer({ min: 1, max: 3 }),
      tokens: fc.nat(1_000_000),
      cached: fc.option(fc.nat(1_000)),
      nanos: fc.option(fc.nat(10 ** 12)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(history, { minLength: 1, maxLength: 25 }), fc.nat(3), async (requests, groups) => {
        const own = await makeHousehold(database.db);
        const settlements: Settlement[] = [];
        const reservations = requests.map((each) => ({ ...each, reservation: reservationOf(own, each) }));
        const rejected = reservations.filter(({ outcome: became }) => became === 'rejected');
        const sent = reservations.filter(({ outcome: became }) => became !== 'rejected');
        await rejectRequests(
          database.pool,
          rejected.map(({ reservation }) => ({ ...rejection(own), ...requestPart(reservation) })),
        );
        await reserveRequests(
          database.pool,
          sent.map(({ reservation }) => reservation),
        );
        for (const each of sent.filter(({ outcome: became }) => became !== 'crashed')) {
          const total = each.tokens + 1_000;
          const amounts = makeAmounts({
            inputTokens: total,
            cachedTokens: each.cached,
            outputTokens: 0,
            totalTokens: total,
            costMicros: each.nanos === null ? null : (each.nanos / 1000).toFixed(3),
            costStatus: each.nanos === null ? 'unpriced_missing_model' : 'priced',
          });
          const became = each.outcome === 'never_sent' || each.outcome === 'unknown' ? 'failed' : each.outcome;
          const usageStatus =
            each.outcome === 'never_sent'
              ? 'not_applicable'
              : each.outcome === 'unknown'
                ? 'usage_unknown'
                : 'usage_known';
          const settlement = makeSettlement(each.reservation, {
            amounts,
            usageStatus,
            status: became === 'succeeded' || became === 'cancelled' ? became : 'failed',
          });
          for (let n = 0; n < each.repeats; n += 1) settlements.push(settlement);
        }
        // Repeats land in other groups, as they would from another process: no statement has the same request twice.
        const writes = Array.from({ length: 3 }, (_each, n) =>
          settlements.filter((settlement, at) => settlements.indexOf(settlement) + n === at),
        ).flatMap((part) => [part.slice(0, groups * 3), part.slice(groups * 3)]);
        await Promise.all([...writes.map((part) => settleRequests(database.pool, part)), sweep(), sweep()]);

        expect(await sumsOfHours(own)).toEqual(await sumsOfLedger(own));
        const balance = await database.pool.query(
          `select coalesce(sum(requests), 0)::int as requests, coalesce(sum(total_tokens), 0)::int as tokens
           from ledger_entries where pool_id = $1 and event <> 'settlement'`,
          [own.poolId],
        );
        expect(balance.rows).toEqual([{ requests: 0, tokens: 0 }]);
        const hours = await hoursOf(own);
        const count = (name: 'requests' | 'succeeded' | 'failed' | 'cancelled' | 'rejected') =>
          hours.reduce((sum, hour) => sum + hour[name], 0);
        expect(count('requests')).toBe(requests.length);
        expect(count('succeeded') + count('failed') + count('cancelled') + count('rejected')).toBe(requests.length);
      }),
      { numRuns: 25 },
    );
  });
});

const deadProcess = 40_404;

function reservationOf(
  own: Household,
  each: { key: number; account: number; hour: number; model: string | null; outcome: string },
): Reservation {
  return makeReservation(own, {
    keyId: own.keyIds[each.key] ?? '',
    accountId: own.accountIds[each.account] ?? '',
    admittedAt: new Date(beginning.getTime() + each.hour * 3_600_000),
    model: each.model,
    processNumber: each.outcome === 'crashed' ? deadProcess : 1,
  });
}

/** Process 1 is this one, so only the requests of the dead one are closed. */
function sweep(): Promise<number> {
  return sweepDeadProcesses({
    db: database.db,
    pool: database.pool,
    clock: systemClock,
    log: quietLog,
    processNumber: 1,
  });
}

const sums = `coalesce(sum(input_tokens), 0)::text as input, coalesce(sum(cached_tokens), 0)::text as cached,
  coalesce(sum(output_tokens), 0)::text as output, coalesce(sum(total_tokens), 0)::text as total,
  round(coalesce(sum(cost_micros), 0), 3)::text as cost`;

async function sumsOfHours({ poolId }: Household): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select api_key_id, account_id, model, sum(usage_known)::text as known, ${sums} from usage_hours
     where pool_id = $1 and usage_known > 0 group by 1, 2, 3 order by 1, 2, 3`,
    [poolId],
  );
  return rows;
}

async function sumsOfLedger({ poolId }: Household): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select api_key_id, account_id, model, count(*)::text as known, ${sums} from ledger_entries
     where pool_id = $1 and event = 'settlement' and usage_status = 'usage_known' group by 1, 2, 3 order by 1, 2, 3`,
    [poolId],
  );
  return rows;
}

function rejection(own: Household): Rejection {
  return { ...requestPart(makeReservation(own)), errorCode: 'model_not_allowed', responseStatus: 400 };
}

function requestPart({
  attemptId: _attemptId,
  accountId: _accountId,
  accountLabel: _accountLabel,
  estimate: _estimate,
  ...row
}: Reservation): Omit<Rejection, 'errorCode' | 'responseStatus'> {
  return row;
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
