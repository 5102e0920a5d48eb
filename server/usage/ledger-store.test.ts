import { hash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import { makeHousehold, makeReservation, type Household } from '../../test/support/ledger-rows.ts';
import { storedRows } from '../../test/support/stored-rows.ts';
import type { Rejection, Reservation } from './ledger-rows.ts';
import { rejectRequests } from './ledger-store.ts';
import { reserveRequests } from './reservation-store.ts';

let database: TestDatabase;
let house: Household;
const { requestOf, attemptsOf, entriesOf, hoursOf } = storedRows(() => database);

beforeAll(async () => {
  database = await testDatabase();
  house = await makeHousehold(database.db);
});
afterAll(() => database.stop());

describe('a reservation', () => {
  it('writes the request, its attempt and what is set aside, in one go', async () => {
    const reservation = makeReservation(house, { requestedTier: 'priority', reasoningEffort: 'high' });
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
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
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
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
    ['rotated', { prefix: 'sk-cxp-rotated' }],
    ['rotated, and the overlap is over', { prefix: 'sk-cxp-overlapped', previousEndsAt: beginning }],
  ])('is refused to a key that is %s, and only to that one', async (_name, change) => {
    const other = await makeHousehold(database.db, { keys: 1 });
    const refused = makeReservation(other);
    const { keyPrefix: previousPrefix, keyId } = refused;
    const changes = 'previousEndsAt' in change ? { ...change, previousPrefix } : change;
    await database.db.updateTable('apiKeys').set(changes).where('id', '=', keyId).execute();
    const fine = makeReservation(house);
    expect(await reserveRequests(database.pool, [refused, fine])).toEqual([
      { kind: 'key_ended' },
      { kind: 'reserved' },
    ]);
    expect(await requestOf(refused)).toBeUndefined();
    expect(await entriesOf(refused)).toEqual([]);
    expect(await attemptsOf(refused)).toEqual([]);
  });

  it('is refused to the keys of a disabled Pool', async () => {
    const other = await makeHousehold(database.db);
    await database.db.updateTable('pools').set({ disabledAt: beginning }).where('id', '=', other.poolId).execute();
    expect(await reserveRequests(database.pool, [makeReservation(other)])).toEqual([{ kind: 'key_ended' }]);
  });

  it('is given to a key that expires a moment later', async () => {
    const reservation = makeReservation(await makeHousehold(database.db, { keys: 1 }));
    const expiresAt = new Date(beginning.getTime() + 1);
    await database.db.updateTable('apiKeys').set({ expiresAt }).where('id', '=', reservation.keyId).execute();
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
  });

  it('is given to the secret before a rotation as long as it works beside the new one', async () => {
    const reservation = makeReservation(await makeHousehold(database.db, { keys: 1 }));
    const previousEndsAt = new Date(beginning.getTime() + 1);
    const changes = { prefix: 'sk-cxp-new', previousPrefix: reservation.keyPrefix, previousEndsAt };
    await database.db.updateTable('apiKeys').set(changes).where('id', '=', reservation.keyId).execute();
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
  });

  it('is refused to a key that was moved to another Pool or deleted', async () => {
    const { poolId } = await makeHousehold(database.db);
    const moved = makeReservation(house, { poolId });
    const gone = makeReservation(house, { keyId: randomUUID() });
    expect(await reserveRequests(database.pool, [moved, gone])).toEqual([{ kind: 'key_ended' }, { kind: 'key_ended' }]);
  });

  it('counts a wait: the key must be good when it is made, not when the request came', async () => {
    const reservation = makeReservation(await makeHousehold(database.db, { keys: 1 }), {
      reservedAt: new Date(beginning.getTime() + 2_000),
    });
    const expiresAt = new Date(beginning.getTime() + 1_000);
    await database.db.updateTable('apiKeys').set({ expiresAt }).where('id', '=', reservation.keyId).execute();
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'key_ended' }]);
  });
});

describe('a reservation of a turn that its client named', () => {
  const named = () => hash('sha256', randomUUID(), 'base64');
  const rowsOf = async (reservation: Reservation) => ({
    requests: (await requestOf(reservation)) ? 1 : 0,
    attempts: (await attemptsOf(reservation)).length,
    entries: (await entriesOf(reservation)).length,
  });

  it('is made once: another of that name leaves nothing', async () => {
    const turnSha256 = named();
    const [first, second, other] = [turnSha256, turnSha256, named()].map((each) =>
      makeReservation(house, { turnSha256: each }),
    );
    expect(await reserveRequests(database.pool, [first!])).toEqual([{ kind: 'reserved' }]);
    expect(await reserveRequests(database.pool, [second!, other!])).toEqual([
      { kind: 'repeated' },
      { kind: 'reserved' },
    ]);
    expect(await rowsOf(second!)).toEqual({ requests: 0, attempts: 0, entries: 0 });
  });

  it('may be written again by whoever did not hear the answer', async () => {
    const reservation = makeReservation(house, { turnSha256: named() });
    for (let time = 0; time < 2; time += 1)
      expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
    expect(await rowsOf(reservation)).toEqual({ requests: 1, attempts: 1, entries: 1 });
  });

  it('is made once, however many ask at once, in one group or from many processes', async () => {
    const turnSha256 = named();
    const groups = Array.from({ length: 5 }, () => [1, 2, 3].map(() => makeReservation(house, { turnSha256 })));
    const results = await Promise.all(groups.map((group) => reserveRequests(database.pool, group)));
    const kinds = results.flat().map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'reserved')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'repeated')).toHaveLength(14);
    const entries = await Promise.all(groups.flat().map(entriesOf));
    expect(entries.flat()).toHaveLength(1);
  });

  it('that its key may not make leaves the name free', async () => {
    const turnSha256 = named();
    const foreign = makeReservation(house, { turnSha256, keyId: randomUUID() });
    expect(await reserveRequests(database.pool, [foreign])).toEqual([{ kind: 'key_ended' }]);
    const own = makeReservation(house, { turnSha256 });
    expect(await reserveRequests(database.pool, [own])).toEqual([{ kind: 'reserved' }]);
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
