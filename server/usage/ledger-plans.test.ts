import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { makeHousehold, makeReservation, makeSettlement, makeUse } from '../../test/support/ledger-rows.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
let client: pg.PoolClient;

beforeAll(async () => {
  database = await testDatabase();
  client = await database.pool.connect();
});
afterAll(async () => {
  client.release();
  await database.stop();
});

/** Rows that were read by going through a whole table. */
async function rowsReadThrough(): Promise<Record<string, number>> {
  await client.query('select pg_stat_force_next_flush()');
  await client.query('select 1');
  const { rows } = await client.query<{ name: string; count: string }>(
    `select relname as name, seq_tup_read as count from pg_stat_user_tables
     where relname in ('requests', 'attempts', 'ledger_entries', 'usage_hours')`,
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
}

// Postgres plans a statement for good at its sixth run, when the tables of a new installation are almost empty and
// reading them through looks as cheap as an index.
it('a request costs the same however many are on record', async () => {
  const house = await makeHousehold(database.db);
  const before = await rowsReadThrough();
  for (let round = 0; round < 20; round += 1) {
    const group = [makeReservation(house), makeReservation(house)];
    await reserveRequests(client, group);
    await settleRequests(
      client,
      group.map((reservation) => makeSettlement(reservation, { uses: [makeUse(reservation)] })),
    );
  }
  const plans = await client.query<{ generic_plans: string }>('select generic_plans from pg_prepared_statements');
  expect(plans.rows.map(({ generic_plans }) => Number(generic_plans))).toEqual([15, 15]);
  expect(await rowsReadThrough()).toEqual(before);
});
