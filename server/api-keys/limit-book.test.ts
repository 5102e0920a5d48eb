import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import { makeHousehold } from '../../test/support/ledger-rows.ts';
import { createLimitBook, unlimited, type LimitBook } from './limit-book.ts';
import { setLimit } from './limit-store.ts';

let database: TestDatabase;
let book: LimitBook;
let limited: string;
let other: string;

beforeAll(async () => {
  database = await testDatabase();
  [limited = '', other = ''] = (await makeHousehold(database.db)).keyIds;
  const set = (unit: 'output_tokens' | 'concurrency', maximum: number, model: string | null) =>
    setLimit(database.db, {
      id: randomUUID(),
      keyId: limited,
      unit,
      window: unit === 'concurrency' ? 'now' : 'request',
      maximum,
      model,
      at: beginning,
    });
  await set('output_tokens', 900, null);
  await set('output_tokens', 400, 'gpt-5.5');
  await set('concurrency', 3, null);
  await set('concurrency', 1, 'gpt-6-luna');
  book = createLimitBook({ db: database.db });
  await book.reload();
});
afterAll(() => database.stop());

describe('what limits mean for a request before it is reserved', () => {
  it('is nothing for a key without any', () => {
    expect(book.of({ keyId: other, model: 'gpt-5.5' })).toEqual(unlimited);
  });

  it('is the smallest output that any of them allows, those of its model beside those of the whole key', () => {
    const capOf = (model: string) => book.of({ keyId: limited, model }).outputCap;
    expect([capOf('gpt-5.5'), capOf(' GPT-5.5 '), capOf('gpt-6-luna')]).toEqual([400, 400, 900]);
  });

  it('is how many may run at once, by each limit that counts it', () => {
    const placesOf = (model: string) => book.of({ keyId: limited, model }).atOnce.map(({ maximum }) => maximum);
    expect(placesOf('gpt-5.5')).toEqual([3]);
    expect(placesOf('gpt-6-luna').toSorted()).toEqual([1, 3]);
  });

  it('is said of its model only where a limit names that', () => {
    const isNamed = (model: string) => book.of({ keyId: limited, model }).namesModel;
    expect([isNamed('gpt-5.5'), isNamed('gpt-6-luna'), isNamed('gpt-6.1-sol')]).toEqual([true, true, false]);
  });
});
