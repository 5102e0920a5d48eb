import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { defaultPoolRouting } from '../contract/pools.ts';
import { systemRandom } from '../world/real-world.ts';
import { createPoolBook } from './pool-book.ts';
import { ensureDefaultPool, insertPool, listPools, poolIdBySlug, storeServingMode, updatePool } from './pool-store.ts';

let database: TestDatabase;
let id: string;

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate pools cascade');
  id = systemRandom.id();
  await ensureDefaultPool(database.db, { id, now: new Date() });
});

const bookOf = () => createPoolBook({ db: database.db });

describe('the book of Pools', () => {
  it('gives a new Pool the defaults, which the database has too', async () => {
    const book = bookOf();
    await book.reload();
    expect(book.routingOf(id)).toEqual(defaultPoolRouting);
    expect(book.routingOf(id)).not.toBe(defaultPoolRouting);
  });

  it('routes a Pool that it has not read yet by the defaults', () => {
    expect(bookOf().routingOf(id)).toBe(defaultPoolRouting);
    expect(bookOf().servingModeOf(id, 'gpt-6-luna')).toBe('auto');
  });

  it('shows a change only when it was read again, and leaves who holds the former with it', async () => {
    const book = bookOf();
    await book.reload();
    const before = book.routingOf(id);
    await updatePool(database.db, {
      id,
      changes: { strategy: 'soonest_reset', floorPercent: 20, v1Compatibility: false },
    });
    expect(book.routingOf(id)).toBe(before);
    await book.reload();
    expect(book.routingOf(id)).toEqual({
      ...defaultPoolRouting,
      strategy: 'soonest_reset',
      floorPercent: 20,
      v1Compatibility: false,
    });
    expect(before).toEqual(defaultPoolRouting);
    expect(Object.isFrozen(book.routingOf(id))).toBe(true);
  });

  it('keeps Pools apart', async () => {
    const other = systemRandom.id();
    const routing = { ringSize: 1 };
    await insertPool(database.db, { id: other, slug: 'other', name: 'Other', createdAt: new Date(), routing });
    await storeServingMode(database.db, { poolId: other, model: 'gpt-6-luna', mode: 'lite' });
    const book = bookOf();
    await book.reload();
    expect([book.routingOf(id).ringSize, book.routingOf(other).ringSize]).toEqual([3, 1]);
    expect(book.servingModeOf(id, 'gpt-6-luna')).toBe('auto');
    expect(book.servingModeOf(other, ' GPT-6-Luna')).toBe('lite');
  });

  it('misses no change that is made while it is being read', async () => {
    const book = bookOf();
    const running = book.reload();
    await updatePool(database.db, { id, changes: { ringSize: 9 } });
    await Promise.all([running, book.reload()]);
    expect(book.routingOf(id).ringSize).toBe(9);
  });

  it('takes words that another version wrote for not chosen, and keeps the switches beside them', async () => {
    await database.db
      .updateTable('pools')
      .set({ strategy: 'from_the_future', imageGeneration: false })
      .where('id', '=', id)
      .execute();
    await database.db
      .insertInto('poolServingModes')
      .values({ poolId: id, model: 'gpt-6-luna', mode: 'huge' })
      .execute();
    const book = bookOf();
    await book.reload();
    expect(book.routingOf(id)).toEqual({ ...defaultPoolRouting, imageGeneration: false });
    expect(book.servingModeOf(id, 'gpt-6-luna')).toBe('auto');
    expect((await listPools(database.db, id))[0]).toMatchObject({ servingModes: {} });
  });
});

describe('the default Pool', () => {
  it('is made once and never changed by a later start', async () => {
    await updatePool(database.db, { id, changes: { name: 'Ours', ringSize: 5 } });
    await ensureDefaultPool(database.db, { id: systemRandom.id(), now: new Date() });
    expect(await poolIdBySlug(database.db, 'default')).toBe(id);
    expect(await listPools(database.db)).toMatchObject([{ id, name: 'Ours', routing: { ringSize: 5 } }]);
  });
});
