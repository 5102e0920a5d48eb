import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { keepingLog } from '../../test/support/quiet-log.ts';
import { connectDatabase } from './connect.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
});
afterAll(() => database.stop());

describe('values from the database', () => {
  it('reads bigint and count as numbers, days as text, instants as dates, numeric as text', async () => {
    const { rows } = await sql<Record<string, unknown>>`
      select 9007199254740991::bigint as big_number, count(*) as row_count, '2026-03-29'::date as some_day,
        '2026-03-29T01:30:00Z'::timestamptz as some_instant, 1.5::numeric as some_amount`.execute(database.db);
    expect(rows).toEqual([
      {
        bigNumber: 9_007_199_254_740_991,
        rowCount: 1,
        someDay: '2026-03-29',
        someInstant: new Date('2026-03-29T01:30:00Z'),
        someAmount: '1.5',
      },
    ]);
  });

  it('leaves the keys of stored JSON alone', async () => {
    const { rows } = await sql`select '{"snake_case": {"inner_key": 1}}'::jsonb as stored_json`.execute(database.db);
    expect(rows).toEqual([{ storedJson: { snake_case: { inner_key: 1 } } }]);
  });

  it('refuses a bigint that a number would round, and stays usable', async () => {
    await expect(sql`select 9007199254740993::bigint as n`.execute(database.db)).rejects.toThrow(/too large/);
    await expect(sql`select 1 as n`.execute(database.db)).resolves.toMatchObject({ rows: [{ n: 1 }] });
  });
});

describe('a session', () => {
  it('names itself, works in UTC and limits statements', async () => {
    const { rows } = await sql`
      select current_setting('application_name') as name, current_setting('TimeZone') as zone,
        current_setting('statement_timeout') as statement_limit`.execute(database.db);
    expect(rows).toEqual([{ name: 'codex-pooler', zone: 'UTC', statementLimit: '30s' }]);
  });

  it('survives that Postgres ends an idle connection: the next query opens another', async () => {
    const log = keepingLog();
    const other = connectDatabase({ url: database.url, poolSize: 1, log });
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(other.db);
    await sql`select pg_terminate_backend(${rows[0]?.pid}::int)`.execute(database.db);
    const lost = await log.logged('database_connection_lost');
    expect(lost.facts).toEqual({ sqlState: '57P01' });
    await expect(sql`select 1 as n`.execute(other.db)).resolves.toMatchObject({ rows: [{ n: 1 }] });
    await other.stop();
    await other.stop();
  });
});

describe('a connection that breaks while it is held', () => {
  it('fails what is asked of it, and leaves the process and the next query alone', async () => {
    const held = await database.pool.connect();
    const { rows } = await held.query<{ pid: number }>('select pg_backend_pid() as pid');
    const broken = new Promise((resolve) => held.once('end', () => resolve('broken')));
    await sql`select pg_terminate_backend(${rows[0]?.pid}::int)`.execute(database.db);
    await expect(broken).resolves.toBe('broken');
    await expect(held.query('select 1')).rejects.toThrow();
    held.release(true);
    await expect(sql`select 1 as n`.execute(database.db)).resolves.toMatchObject({ rows: [{ n: 1 }] });
  });
});
