import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshAccounts } from '../../test/support/accounts.ts';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { systemRandom } from '../world/real-world.ts';
import { createAccountBook } from './account-book.ts';
import { holdNothing } from './held-account.ts';
import { findPoolId, markAccountDeleted } from './account-store.ts';
import { addMembership } from './membership-store.ts';
import { insertAccount } from './sign-in-store.ts';

let database: TestDatabase;
let poolId: string;

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());
beforeEach(async () => {
  await freshAccounts(database);
  poolId = (await findPoolId(database.db, 'default'))!;
});

async function addAccount(label: string, minutes = 0): Promise<string> {
  const id = systemRandom.id();
  await insertAccount(database.db, {
    id,
    label,
    chatgptAccountId: id,
    chatgptUserId: null,
    email: null,
    plan: 'plus',
    residency: null,
    isFedramp: false,
    accessTokenExpiresAt: null,
    issuedAt: null,
    onboarding: 'import',
    now: new Date(Date.UTC(2026, 10, 22, 6, minutes)),
  });
  return id;
}
const bookOf = () => createAccountBook({ db: database.db, modelsOf: () => null, heldOf: holdNothing });

describe('the book of accounts', () => {
  it('is empty until it was read', () => {
    expect(bookOf().all()).toEqual([]);
  });

  it('lists accounts oldest first, with their Pools, without removed ones', async () => {
    const second = await addAccount('second', 2);
    const first = await addAccount('first', 1);
    const gone = await addAccount('gone', 0);
    await addMembership(database.db, { poolId, accountId: second, now: new Date() });
    await addMembership(database.db, { poolId, accountId: second, now: new Date() });
    await markAccountDeleted(database.db, { id: gone, now: new Date() });
    const book = bookOf();
    await book.reload();
    expect(book.all().map(({ label }) => label)).toEqual(['first', 'second']);
    expect(book.inPool(poolId).map(({ id }) => id)).toEqual([second]);
    expect(book.byId(first)).toMatchObject({ status: 'active', credentialEpoch: 1, poolIds: [], models: null });
    expect(book.byId(gone)).toBeUndefined();
  });

  it('does not count a paused membership', async () => {
    const accountId = await addAccount('one');
    await addMembership(database.db, { poolId, accountId, now: new Date() });
    await database.db.updateTable('poolAccounts').set({ status: 'paused' }).execute();
    const book = bookOf();
    await book.reload();
    expect(book.inPool(poolId)).toEqual([]);
    expect(book.all()).toHaveLength(1);
  });

  it('misses no change that is announced while it is being read', async () => {
    const book = bookOf();
    const running = book.reload();
    await addAccount('late');
    const [second, third] = [book.reload(), book.reload()];
    await Promise.all([running, second, third]);
    expect(book.all()).toHaveLength(1);
  });
});
