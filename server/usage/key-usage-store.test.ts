import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { readKeyUsage } from './key-usage-store.ts';

let database: TestDatabase;
const key = randomUUID();

beforeAll(async () => {
  database = await testDatabase();
  // A year of a few busy keys, and three hours of ours.
  await database.pool.query(
    `insert into usage_hours (hour, api_key_id, model, requests, total_tokens, cached_tokens, cost_micros)
     select timestamptz '2026-01-01' + hour * interval '1 hour', key, 'm', 1, 1, 1, 1
     from generate_series(1, 8760) hour, (select gen_random_uuid() as key from generate_series(1, 4)) keys
     union all
     select timestamptz '2026-01-01' + hour * interval '1 hour', $1, 'm', 2, 900719925474099, 3, 0.000000001
     from generate_series(1, 3) hour`,
    [key],
  );
  await database.pool.query('analyze usage_hours');
});
afterAll(() => database.stop());

describe('what a key used', () => {
  it('is the exact sum of its hours', async () => {
    expect(await readKeyUsage(database.db, key)).toEqual({
      requests: 6,
      totalTokens: 2_702_159_776_422_297,
      cachedTokens: 9,
      costMicros: 0.000000003,
    });
    expect(await readKeyUsage(database.db, randomUUID())).toMatchObject({ requests: 0, costMicros: 0 });
  });

  it('is found without reading the hours of others', async () => {
    const { rows } = await database.pool.query<{ 'QUERY PLAN': string }>(
      `explain select sum(cost_micros) from usage_hours where api_key_id = '${key}'`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('usage_hours_by_key');
  });
});
