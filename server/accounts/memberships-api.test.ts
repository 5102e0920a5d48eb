import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshAccounts } from '../../test/support/accounts.ts';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { memberships } from '../contract/memberships.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { createAccountBook, type AccountBook } from './account-book.ts';
import { markAccountDeleted } from './account-store.ts';
import { holdNothing } from './held-account.ts';
import { createMembershipsApi } from './memberships-api.ts';
import { insertAccount } from './sign-in-store.ts';

let database: TestDatabase;
let book: AccountBook;
let poolIds: Record<'default' | 'night', string>;

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate pools cascade');
  await freshAccounts(database);
  const { db } = database;
  await db
    .insertInto('pools')
    .values({ id: systemRandom.id(), slug: 'night', name: 'Night', createdAt: new Date() })
    .execute();
  const rows = await db.selectFrom('pools').select(['id', 'slug']).execute();
  poolIds = Object.fromEntries(rows.map(({ id, slug }) => [slug, id])) as typeof poolIds;
  book = createAccountBook({ db, modelsOf: () => null, heldOf: holdNothing });
});

async function addAccount(label: string): Promise<string> {
  const id = systemRandom.id();
  await insertAccount(database.db, {
    id,
    label,
    chatgptAccountId: id,
    chatgptUserId: null,
    email: `${label}@example.com`,
    plan: 'plus',
    residency: null,
    isFedramp: false,
    accessTokenExpiresAt: null,
    issuedAt: null,
    onboarding: 'import',
    now: new Date(),
  });
  return id;
}

/** As the admin API does: input parsed before, output parsed after. */
const call = async (verb: 'join' | 'leave', account: string, pool: string) => {
  const api = createMembershipsApi({ db: database.db, clock: systemClock, book });
  const { input, output } = memberships[verb];
  return output.parse(await api[verb](input.parse({ account, pool })));
};
const join = (account: string, pool: string) => call('join', account, pool);
const leave = (account: string, pool: string) => call('leave', account, pool);
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: { code?: string }) => error.code,
  );
const inPool = (slug: 'default' | 'night') => book.inPool(poolIds[slug]).map(({ label }) => label);

describe('an account that joins a Pool', () => {
  it('serves it at once and stays in its other Pools', async () => {
    const id = await addAccount('anna');
    expect(await join('anna', 'default')).toEqual({
      account: { id, label: 'anna', pools: ['default'] },
      wasMember: false,
    });
    expect(await join('ANNA@example.com', 'night')).toEqual({
      account: { id, label: 'anna', pools: ['default', 'night'] },
      wasMember: false,
    });
    expect([inPool('default'), inPool('night')]).toEqual([['anna'], ['anna']]);
  });

  it('twice, or ten times at once, is in it once', async () => {
    await addAccount('anna');
    const results = await Promise.all(Array.from({ length: 10 }, () => join('anna', 'night')));
    expect(results.filter(({ wasMember }) => !wasMember)).toHaveLength(1);
    expect((await join('anna', 'night')).wasMember).toBe(true);
    expect(inPool('night')).toEqual(['anna']);
  });

  it('is enabled again where its place was not', async () => {
    await addAccount('anna');
    await join('anna', 'night');
    await database.db.updateTable('poolAccounts').set({ status: 'paused' }).execute();
    expect((await join('anna', 'night')).wasMember).toBe(false);
    expect(inPool('night')).toEqual(['anna']);
  });

  it('must be one account that exists, and the Pool too', async () => {
    const id = await addAccount('anna');
    await addAccount('twin');
    await addAccount('twin');
    expect(await code(join('nobody', 'night'))).toBe('account_not_found');
    expect(await code(join('twin', 'night'))).toBe('conflict');
    expect(await code(join('anna', 'nowhere'))).toBe('pool_not_found');
    await markAccountDeleted(database.db, { id, now: new Date() });
    expect(await code(join(id, 'night'))).toBe('account_not_found');
    await book.reload();
    expect(inPool('night')).toEqual([]);
  });

  it('does not come back when it is removed at the same moment', async () => {
    const id = await addAccount('anna');
    const remove = () =>
      database.db.transaction().execute((transaction) => markAccountDeleted(transaction, { id, now: new Date() }));
    const [joined] = await Promise.all([code(join(id, 'night')), remove()]);
    expect(['accepted', 'account_not_found']).toContain(joined);
    expect(await database.db.selectFrom('poolAccounts').selectAll().execute()).toEqual([]);
  });
});

describe('an account that leaves a Pool', () => {
  it('no longer serves it, stays linked and in its other Pools', async () => {
    const id = await addAccount('anna');
    await join('anna', 'default');
    await join('anna', 'night');
    expect(await leave('anna', 'night')).toEqual({
      account: { id, label: 'anna', pools: ['default'] },
      wasMember: true,
    });
    expect([inPool('default'), inPool('night')]).toEqual([['anna'], []]);
  });

  it('may do so twice, and may be in no Pool at all', async () => {
    await addAccount('anna');
    await join('anna', 'night');
    expect((await leave('anna', 'night')).account.pools).toEqual([]);
    expect((await leave('anna', 'night')).wasMember).toBe(false);
    expect(book.all()).toHaveLength(1);
  });
});
