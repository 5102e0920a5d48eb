/** One file, since every test needs the keeper on a database that fails as it is told to (`keeping`, below). */
import type { Updateable } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { beginning, makeAsk, makeAttempt, makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { makeHousehold, type Household } from '../../../test/support/ledger-rows.ts';
import { keepingLog } from '../../../test/support/quiet-log.ts';
import { readKeyEnd } from '../../api-keys/read-key-end.ts';
import { bundledPrices } from '../../catalog/prices.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { DB } from '../../database/tables.generated.ts';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import type { Queryable } from '../../usage/ledger-store.ts';
import { systemClock } from '../../world/real-world.ts';
import type { Exchange } from '../exchange.ts';
import { createRecordKeeper, type RecordKeeperOptions } from './record-keeper.ts';

const lost = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const busy = Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' });
const refused = Object.assign(new Error('null value'), { code: '23502' });

let database: TestDatabase;
let house: Household;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate requests cascade; truncate ledger_entries, usage_hours');
  house = await makeHousehold(database.db);
});

describe('before anything is sent', () => {
  it('request, attempt and reservation are written, and further attempts as they begin', async () => {
    const { records } = keeping();
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    expect(exchange.isReserved).toBe(true);
    await records.begin(exchange, begun(exchange, 1));
    expect(await requests()).toMatchObject([{ id: exchange.id, status: 'in_progress', processNumber: 9 }]);
    const attempts = await database.db.selectFrom('attempts').selectAll().orderBy('number').execute();
    expect(attempts).toMatchObject([
      { number: 1, status: 'in_progress', accountId: house.accountIds[0] },
      { number: 2, status: 'in_progress', accountId: house.accountIds[1] },
    ]);
    expect(await events()).toEqual(['reservation']);
  });

  it.each<[string, string, (of: { keyId: string; poolId: string }) => Promise<unknown>]>([
    ['revoked', 'api_key_revoked', ({ keyId }) => changeKey(keyId, { revokedAt: beginning })],
    ['paused', 'api_key_paused', ({ keyId }) => changeKey(keyId, { pausedAt: beginning })],
    ['expired', 'api_key_expired', ({ keyId }) => changeKey(keyId, { expiresAt: beginning })],
    ['rotated', 'api_key_rotated', ({ keyId }) => changeKey(keyId, { prefix: 'sk-cxp-rotated' })],
    [
      'moved',
      'api_key_moved',
      async ({ keyId }) => changeKey(keyId, { poolId: (await makeHousehold(database.db)).poolId }),
    ],
    ['deleted', 'api_key_missing', ({ keyId }) => database.db.deleteFrom('apiKeys').where('id', '=', keyId).execute()],
    [
      'left with a disabled Pool',
      'api_key_missing',
      ({ poolId }) =>
        database.db.updateTable('pools').set({ disabledAt: beginning }).where('id', '=', poolId).execute(),
    ],
  ])('a key that was %s meanwhile is refused, and told just that', async (_name, code, change) => {
    const { records } = keeping();
    const exchange = anExchange();
    await change(exchange.client);
    await expect(records.begin(exchange, begun(exchange, 0))).rejects.toMatchObject({ code });
    expect(exchange.isReserved).toBe(false);
    expect(await requests()).toEqual([]);
  });

  it('a key that is good again when it is asked why it ended goes on, and one that ended so twice may try later', async () => {
    const exchange = anExchange();
    const { keyId } = exchange.client;
    await changeKey(keyId, { pausedAt: beginning });
    const resumed = keeping({ beforeWhy: () => changeKey(keyId, { pausedAt: null }) });
    await resumed.records.begin(exchange, begun(exchange, 0));
    expect(await requests()).toMatchObject([{ id: exchange.id, status: 'in_progress' }]);

    await changeKey(keyId, { pausedAt: beginning });
    const [again, { records, asked }] = [anExchange(), keeping({ whyEnded: () => Promise.resolve(null) })];
    await expect(records.begin(again, begun(again, 0))).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(asked()).toBe(2);
  });

  it('a client that leaves while its key is asked why it ended leaves nothing open', async () => {
    const exchange = anExchange();
    const { keyId } = exchange.client;
    await changeKey(keyId, { pausedAt: beginning });
    let settled: Promise<void> | undefined;
    const { records } = keeping({
      beforeWhy: async () => {
        settled = records.settle(exchange, { kind: 'cancelled', errorCode: 'client_disconnected' });
        await changeKey(keyId, { pausedAt: null });
      },
    });
    await records.begin(exchange, begun(exchange, 0));
    await settled;
    expect(await requests()).toMatchObject([{ status: 'cancelled' }]);
  });

  it('nobody asks how a key stands whose reservation stands', async () => {
    const { records, asked } = keeping({ whyEnded: () => Promise.reject(new Error('asked')) });
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    expect(asked()).toBe(1);
  });

  it('a database that is too busy fails the requests of one moment together, not one after the other', async () => {
    const { records, asked } = keeping({ failures: Array.from({ length: 9 }, () => busy) });
    const exchanges = Array.from({ length: 5 }, () => anExchange());
    const begins = exchanges.map((exchange) => records.begin(exchange, begun(exchange, 0)));
    const ends = await Promise.allSettled(begins);
    expect(ends.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    // The first alone, and the others that came while it was written.
    expect(asked()).toBe(2);
  });

  it('a database that is away is said to be away, with a short wait', async () => {
    const { records } = keeping({ failures: [lost] });
    const exchange = anExchange();
    await expect(records.begin(exchange, begun(exchange, 0))).rejects.toMatchObject({
      code: 'database_unavailable',
      retryAfterMs: 2_000,
    });
  });
});

describe('when it is over', () => {
  it('the exchange is settled once, however often it is told', async () => {
    const { records } = keeping();
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    void records.settle(exchange, { kind: 'succeeded' });
    void records.settle(exchange, { kind: 'failed', errorCode: 'upstream_error' });
    await records.flush(new AbortController().signal);
    expect(await requests()).toMatchObject([{ status: 'succeeded', errorCode: null }]);
    expect(await events()).toEqual(['release', 'reservation', 'settlement']);
    expect(records.waiting).toBe(0);
  });

  it('an exchange that reserved nothing leaves nothing to settle', async () => {
    const { records } = keeping();
    void records.settle(anExchange(), { kind: 'failed', errorCode: 'upstream_error' });
    await records.flush(new AbortController().signal);
    expect(await requests()).toEqual([]);
  });

  it('the exchange is settled after its reservation, however late that is answered', async () => {
    const { records, hold } = keeping();
    const letGo = hold();
    const exchange = anExchange();
    const begins = records.begin(exchange, begun(exchange, 0));
    // Its client has left before the database answered.
    const settled = records.settle(exchange, { kind: 'cancelled', errorCode: 'client_disconnected' });
    letGo();
    await Promise.all([begins, settled]);
    expect(await requests()).toMatchObject([{ status: 'cancelled', errorCode: 'client_disconnected' }]);
    expect(await events()).toEqual(['release', 'reservation', 'settlement']);
  });

  it('a settlement waits for a database that is away', async () => {
    const { records, clock, log, failures } = keeping();
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    failures.push(lost, lost);
    void records.settle(exchange, { kind: 'succeeded' });
    expect(records.waiting).toBe(1);
    for (const ms of [100, 200]) {
      await log.logged('settlement_waits_for_database');
      await clock.untilWaiting();
      clock.advance(ms);
    }
    await records.flush(new AbortController().signal);
    expect(await requests()).toMatchObject([{ status: 'succeeded' }]);
  });

  it.each([
    ['that got in the way of another', '40P01'],
    ['that could not be put in order with others', '40001'],
    ['that waited too long for a lock', '55P03'],
    ['that a busy database did not finish in time', '57014'],
  ])('a settlement %s is written all the same', async (_, code) => {
    const { records, clock, log, failures } = keeping();
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    failures.push(Object.assign(new Error('it passes'), { code }));
    void records.settle(exchange, { kind: 'succeeded' });
    await log.logged('settlement_waits_for_database');
    await clock.untilWaiting();
    clock.advance(100);
    await records.flush(new AbortController().signal);
    expect(await requests()).toMatchObject([{ status: 'succeeded' }]);
    expect(await events()).toEqual(['release', 'reservation', 'settlement']);
  });

  it('a settlement that the database refuses for good is logged, and does not keep others waiting', async () => {
    const { records, log, failures } = keeping();
    const [first, second] = [anExchange(), anExchange()];
    await records.begin(first, begun(first, 0));
    await records.begin(second, begun(second, 0));
    failures.push(refused);
    void records.settle(first, { kind: 'succeeded' });
    void records.settle(second, { kind: 'succeeded' });
    await records.flush(new AbortController().signal);
    expect(await log.logged('settlement_not_recorded')).toMatchObject({ level: 'error' });
    const rows = await requests();
    expect(rows.find(({ id }) => id === second.id)).toMatchObject({ status: 'succeeded' });
  });

  it('a flush that may wait no longer gives up what the database does not take', async () => {
    const { records, log, failures } = keeping();
    const exchange = anExchange();
    await records.begin(exchange, begun(exchange, 0));
    failures.push(...Array.from({ length: 50 }, () => lost));
    void records.settle(exchange, { kind: 'succeeded' });
    await log.logged('settlement_waits_for_database');
    await records.flush(AbortSignal.abort());
    expect(await log.logged('settlement_not_recorded')).toMatchObject({ facts: { requestId: exchange.id } });
  });
});

describe('a refusal', () => {
  it('leaves a row with its code and the status the client got', async () => {
    const { records } = keeping();
    const exchange = anExchange();
    records.reject(exchange, { refusal: new GatewayError('model_not_allowed'), responseStatus: 400 });
    await records.flush(new AbortController().signal);
    expect(await requests()).toMatchObject([
      { id: exchange.id, status: 'rejected', errorCode: 'model_not_allowed', responseStatus: 400 },
    ]);
  });

  it('reaches its client even when it cannot be recorded', async () => {
    const { records, log } = keeping({ failures: [lost] });
    records.reject(anExchange(), { refusal: new GatewayError('no_eligible_backend'), responseStatus: 503 });
    expect(await log.logged('rejection_not_recorded')).toMatchObject({ level: 'error' });
  });
});

describe('whatever a client writes', () => {
  it('can be recorded', async () => {
    const { records } = keeping();
    const names = ['constructor', '__proto__', 'gpt-5.5"; drop table requests; --', 'модель', '😀'];
    for (const name of names) {
      const exchange = anExchange({ ask: makeAsk({ model: name, requestedTier: name, reasoningEffort: name }) });
      await records.begin(exchange, begun(exchange, 0));
      void records.settle(exchange, { kind: 'succeeded' });
      records.reject(anExchange({ ask: makeAsk({ model: name }) }), {
        refusal: new GatewayError('model_not_allowed'),
        responseStatus: 400,
      });
    }
    await records.flush(new AbortController().signal);
    const rows = await requests();
    expect(rows).toHaveLength(names.length * 2);
    // Its own words are left out.
    for (const row of rows) expect(row).toMatchObject({ model: '(unlisted)', requestedModel: '(unlisted)' });
  });
});

interface Circumstances {
  readonly failures?: Error[];
  /** Happens when a reservation was refused, before it is asked why. */
  readonly beforeWhy?: () => Promise<unknown>;
  readonly whyEnded?: RecordKeeperOptions['whyEnded'];
}

function keeping({ failures = [], beforeWhy, whyEnded }: Circumstances = {}) {
  const clock = createMovableClock(systemClock);
  const log = keepingLog();
  const { pool } = database;
  // A connection that breaks a given number of times, then the real one.
  let queries = 0;
  let held: Promise<unknown> | null = null;
  const send = (query: unknown[]) => (pool.query as (...given: unknown[]) => unknown).apply(pool, query);
  const unreliable = {
    query: (...query: unknown[]) => {
      queries += 1;
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      const before = held;
      held = null;
      return before ? before.then(() => send(query)) : send(query);
    },
  } as Queryable;
  /** Keeps the next statement back until it is let go. */
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return resolve;
  };
  const records = createRecordKeeper({
    pool: unreliable,
    prices: bundledPrices(),
    entriesOf: () => [],
    whyEnded:
      whyEnded ??
      (async (client) => {
        await beforeWhy?.();
        return readKeyEnd(database.db, { client, clock });
      }),
    processNumber: 9,
    clock,
    log,
  });
  return { records, clock, log, failures, hold, asked: () => queries };
}

function anExchange(overrides: Partial<Exchange> = {}): Exchange {
  const client = makeClient({ keyId: house.keyIds[0] ?? '', poolId: house.poolId });
  return makeExchange({ client, ...overrides });
}

/** The next attempt of an exchange, at one of the accounts. */
function begun(exchange: Exchange, account: number) {
  const attempt = makeAttempt({
    number: exchange.attempts.length + 1,
    accountId: house.accountIds[account] ?? '',
    mayHaveRun: true,
  });
  exchange.attempts.push(attempt);
  return attempt;
}

function changeKey(id: string, change: Updateable<DB['apiKeys']>) {
  return database.db.updateTable('apiKeys').set(change).where('id', '=', id).execute();
}

function requests() {
  return database.db.selectFrom('requests').selectAll().orderBy('admittedAt').execute();
}

async function events(): Promise<string[]> {
  const rows = await database.db.selectFrom('ledgerEntries').select('event').orderBy('event').execute();
  return rows.map(({ event }) => event);
}
