import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import {
  makeAttemptRow,
  makeHousehold,
  makeReservation,
  makeSettlement,
  type Household,
} from '../../test/support/ledger-rows.ts';
import { keepingLog, quietLog } from '../../test/support/quiet-log.ts';
import { storedRows } from '../../test/support/stored-rows.ts';
import { createChangeFeed, type ChangeFeed } from '../database/change-feed.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import type { Reservation } from './ledger-rows.ts';
import { insertAttempt } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';
import { sweepDeadProcesses } from './sweep.ts';

const me = 1;
const dead = 2;
const living = 3;

let database: TestDatabase;
let house: Household;
const { requestOf, attemptsOf, entriesOf } = storedRows(() => database);
const feeds: ChangeFeed[] = [];

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate requests cascade; truncate ledger_entries, usage_hours');
  house = await makeHousehold(database.db);
});
afterEach(async () => {
  for (const feed of feeds.splice(0)) await feed.stop();
});

describe('the sweep', () => {
  it('closes what a process left open that no longer lives, with the estimate', async () => {
    const reservation = await reserved(dead);
    expect(await sweep()).toBe(1);
    expect(await requestOf(reservation)).toMatchObject({
      status: 'failed',
      errorCode: 'process_ended',
      usageStatus: 'usage_unknown',
      accountId: reservation.accountId,
      accountLabel: 'account 0',
      attemptCount: 1,
      responseStatus: null,
    });
    expect(await attemptsOf(reservation)).toMatchObject([{ status: 'failed', errorCode: 'process_ended' }]);
    expect(await entriesOf(reservation)).toMatchObject([
      { event: 'release', totalTokens: -120, costMicros: '-1100.000000000' },
      { event: 'reservation', totalTokens: 120 },
      { event: 'settlement', totalTokens: 120, usageStatus: 'usage_unknown', costStatus: 'estimated' },
    ]);
    expect(await hours()).toMatchObject([{ requests: 1, failed: 1, attempts: 1, usageKnown: 0, totalTokens: 0 }]);
  });

  it('closes all attempts of a request that had moved to another account, and counts it once', async () => {
    const reservation = await reserved(dead);
    const second = makeAttemptRow(reservation, {
      id: randomUUID(),
      number: 2,
      accountId: house.accountIds[1] ?? '',
      accountLabel: 'account 1',
    });
    await insertAttempt(database.pool, { requestId: reservation.requestId, attempt: second });
    expect(await sweep()).toBe(1);
    expect(await requestOf(reservation)).toMatchObject({
      status: 'failed',
      attemptCount: 2,
      accountId: second.accountId,
      accountLabel: 'account 1',
    });
    expect(await attemptsOf(reservation)).toMatchObject([
      { number: 1, status: 'failed', completedAt: expect.any(Date) },
      { number: 2, status: 'failed', completedAt: expect.any(Date) },
    ]);
    expect(await hours()).toMatchObject([{ requests: 1, attempts: 2, accountId: second.accountId }]);
  });

  it('leaves alone what this process and other living ones still work on', async () => {
    const own = await reserved(me);
    const others = await reserved(living);
    await live(living);
    await reserved(dead);
    expect(await sweep()).toBe(1);
    expect(await requestOf(own)).toMatchObject({ status: 'in_progress' });
    expect(await requestOf(others)).toMatchObject({ status: 'in_progress' });
  });

  it('closes them once the other process has ended', async () => {
    const others = await reserved(living);
    await live(living);
    expect(await sweep()).toBe(0);
    await feeds.splice(0)[0]?.stop();
    // The lock ends with the connection, which the server may notice a moment later.
    while ((await sweep()) === 0);
    expect(await requestOf(others)).toMatchObject({ status: 'failed' });
  });

  it('does not touch what is closed', async () => {
    const reservation = await reserved(dead);
    await settleRequests(database.pool, [makeSettlement(reservation)]);
    expect(await sweep()).toBe(0);
    expect(await requestOf(reservation)).toMatchObject({ status: 'succeeded' });
  });

  it('closes thousands in several steps, and by several processes at once each only once', async () => {
    const reservations = Array.from({ length: 1_201 }, () => makeReservation(house, { processNumber: dead }));
    await reserveRequests(database.pool, reservations);
    const log = keepingLog();
    const closed = await Promise.all([sweep(log), sweep(log), sweep(log)]);
    expect(closed.reduce((sum, count) => sum + count, 0)).toBe(1_201);
    expect(await hours()).toMatchObject([{ requests: 1_201, failed: 1_201 }]);
    expect(log.events[0]).toMatchObject({ level: 'warn', event: 'requests_of_ended_process_closed' });
  });

  it('says how long a request and its attempts were open', async () => {
    const reservation = await reserved(dead);
    const now = new Date(reservation.admittedAt.getTime() + 90_000);
    const clock = { ...systemClock, now: () => now };
    const parts = { db: database.db, pool: database.pool, log: quietLog, processNumber: me, clock };
    expect(await sweepDeadProcesses(parts)).toBe(1);
    expect(await requestOf(reservation)).toMatchObject({ totalMs: 90_000, completedAt: now });
    expect(await attemptsOf(reservation)).toMatchObject([{ totalMs: 90_000, completedAt: now }]);
  });

  it('is not stopped by a machine that slept for months', async () => {
    const reservation = await reserved(dead);
    const clock = createMovableClock(systemClock);
    clock.advance(365 * 24 * 3_600_000);
    const parts = { db: database.db, pool: database.pool, log: quietLog, processNumber: me, clock };
    expect(await sweepDeadProcesses(parts)).toBe(1);
    expect((await requestOf(reservation))?.totalMs).toBe(2 ** 31 - 1);
  });
});

function sweep(log = keepingLog()): Promise<number> {
  return sweepDeadProcesses({
    db: database.db,
    pool: database.pool,
    clock: systemClock,
    log,
    processNumber: me,
  });
}

/** Holds the lock that shows that a process lives. */
async function live(processNumber: number): Promise<void> {
  const feed = createChangeFeed({ address: { url: database.url }, clock: systemClock, log: quietLog });
  feeds.push(feed);
  await feed.start();
  await feed.holdProcessLock(processNumber);
}

async function reserved(processNumber: number): Promise<Reservation> {
  const reservation = makeReservation(house, { processNumber });
  await reserveRequests(database.pool, [reservation]);
  return reservation;
}

function hours() {
  return database.db.selectFrom('usageHours').selectAll().execute();
}
