/** The first limit of a key that was used before: its past counts to the request, and nobody waits while it is counted. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import {
  makeHousehold,
  makeReservation,
  makeSettlement,
  makeUse,
  type Household,
} from '../../test/support/ledger-rows.ts';
import { until } from '../../test/support/until.ts';
import { wrongUseSums } from '../../test/support/wrong-use-sums.ts';
import type { Reservation } from '../usage/ledger-rows.ts';
import { reserveRequests } from '../usage/reservation-store.ts';
import { settleRequests } from '../usage/settle-requests.ts';
import { deleteLimit, limitsInUse, setLimit } from './limit-store.ts';

let database: TestDatabase;
let house: Household;
let limited: string;
let unlimited: string;

beforeAll(async () => {
  database = await testDatabase({ poolSize: 20 });
});
afterAll(() => database.stop());
beforeEach(async () => {
  house = await makeHousehold(database.db);
  [limited = '', unlimited = ''] = house.keyIds;
});

const set = (maximum = 1_000_000) =>
  setLimit(database.db, {
    id: randomUUID(),
    keyId: limited,
    unit: 'requests',
    window: 'day',
    maximum,
    model: null,
    at: beginning,
  });

const usedNow = async () => (await limitsInUse(database.db, { keyId: limited, at: beginning })).map(({ used }) => used);

async function serve(keyId: string): Promise<void> {
  const reservation = makeReservation(house, { keyId });
  expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
  await settle([reservation]);
}

async function settle(reservations: readonly Reservation[]): Promise<void> {
  await settleRequests(
    database.pool,
    reservations.map((each) => makeSettlement(each, { uses: [makeUse(each, each.estimate)] })),
  );
}

/** What another connection does while a transaction of its own stays open. */
async function during(begin: string, act: () => Promise<void>): Promise<void> {
  const connection = await database.pool.connect();
  try {
    await connection.query('begin');
    await connection.query(begin);
    await act();
  } finally {
    await connection.query('rollback');
    connection.release();
  }
}

describe('while the past of a key is counted', () => {
  it('requests of other keys are let in and settled', async () => {
    await serve(limited);
    let counting: Promise<string> | undefined;
    // The limit itself cannot be written yet, so the count is made and not finished.
    await during('lock table api_key_limits in share mode', async () => {
      counting = set();
      await until(() => waitsFor('api_key_limits'));
      for (let nth = 0; nth < 5; nth += 1) await serve(unlimited);
    });
    await counting;
    expect(await usedNow()).toEqual([1]);
  });

  it('what its own requests use meanwhile is counted as well, each once', async () => {
    for (let round = 0; round < 15; round += 1) {
      house = await makeHousehold(database.db);
      [limited = '', unlimited = ''] = house.keyIds;
      const groups = Array.from({ length: 12 }, () => [makeReservation(house), makeReservation(house)]);
      const living = groups.map(async (group, nth) => {
        await reserveRequests(database.pool, group);
        if (nth % 3 > 0) await settle(group.slice(0, nth % 3));
      });
      await Promise.all([...living.slice(0, 6), set(), ...living.slice(6)]);
      expect(await usedNow()).toEqual([24]);
      expect(await wrongUseSums(database.pool)).toEqual([]);
    }
  });
});

describe('a writer that takes long', () => {
  it('holds up the first limit, and nobody else behind it', async () => {
    await serve(limited);
    let setting: Promise<string> | undefined;
    await during('lock table ledger_entries in row exclusive mode', async () => {
      setting = set();
      await until(() => waitsFor('ledger_entries'));
      for (let nth = 0; nth < 5; nth += 1) await serve(unlimited);
    });
    await setting;
    expect(await usedNow()).toEqual([1]);
  });
});

describe('a count', () => {
  it('that was begun by a process that died is finished by the next', async () => {
    await serve(limited);
    await during('lock table api_key_limits in share mode', async () => {
      const lost = set().catch(() => null);
      await until(() => waitsFor('api_key_limits'));
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`.execute(database.db);
      expect(await lost).toBeNull();
      await serve(limited);
    });
    await set();
    expect(await usedNow()).toEqual([2]);
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });

  it('is made anew where all limits were lifted in between', async () => {
    await deleteLimit(database.db, { keyId: limited, id: await set() });
    await serve(limited);
    await set();
    await serve(limited);
    expect(await usedNow()).toEqual([2]);
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });

  it('is one when several first limits are set at once', async () => {
    await serve(limited);
    const units = ['requests', 'total_tokens', 'input_tokens'] as const;
    const setting = units.map((unit) =>
      setLimit(database.db, {
        id: randomUUID(),
        keyId: limited,
        unit,
        window: 'week',
        maximum: 1_000_000,
        model: null,
        at: beginning,
      }),
    );
    await Promise.all([...setting, serve(limited), serve(limited)]);
    expect((await usedNow()).length).toBe(3);
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });
});

/** Does some statement stand waiting for this table? */
async function waitsFor(table: string): Promise<boolean> {
  const { rows } = await sql<{ waits: boolean }>`
    select exists (select from pg_locks where relation = ${table}::regclass and not granted) as waits`.execute(
    database.db,
  );
  return rows[0]?.waits ?? false;
}
