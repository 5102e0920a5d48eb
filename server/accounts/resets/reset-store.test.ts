import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { insertAccount } from '../account-store.ts';
import { claimRedemption, countDispatch, finishRedemption } from './reset-store.ts';

let database: TestDatabase;
const accountId = '4f1c0c0e-0000-4000-8000-0000000000aa';
const now = new Date('2026-11-22T06:00:00Z');
const idOf = (n: number) => `4f1c0c0e-0000-4000-8000-${String(n).padStart(12, '0')}`;
const claim = (n: number, at = now) =>
  claimRedemption(database.db, { id: idOf(n), accountId, creditId: 'credit', cause: 'operator', now: at });

beforeAll(async () => {
  database = await testDatabase();
  const unknown = { email: null, plan: null, residency: null, accessTokenExpiresAt: null, issuedAt: null };
  const identity = { ...unknown, chatgptAccountId: 'a', chatgptUserId: 'u', isFedramp: false };
  await insertAccount(database.db, { ...identity, id: accountId, label: 'anna', onboarding: 'import', now });
});
afterAll(() => database.stop());

it('one of twenty who claim a redemption at once gets it, and the next goes on with the same id', async () => {
  const claimed = (await Promise.all(Array.from({ length: 20 }, (_, n) => claim(n)))).filter((each) => each !== null);
  expect(claimed).toHaveLength(1);
  const { id } = claimed[0]!;
  expect(await claim(30)).toBeNull();
  await finishRedemption(database.db, { id, outcome: null, now });
  expect(await claim(31)).toMatchObject({ id, outcome: null });
});

it('what was sent six times or six hours ago is given up, and a new one may begin', async () => {
  const [open] = await database.db.selectFrom('resetRedemptions').select('id').execute();
  const id = open!.id;
  const counted = [];
  for (let n = 0; n < 8; n += 1) counted.push(await countDispatch(database.db, id));
  expect(counted.filter(Boolean)).toHaveLength(6);
  await finishRedemption(database.db, { id, outcome: null, now });
  expect(await claim(40)).toMatchObject({ id: idOf(40), dispatches: 0 });
  await finishRedemption(database.db, { id: idOf(40), outcome: null, now });
  expect(await claim(41, new Date(now.getTime() + 6 * 3_600_000))).toMatchObject({ id: idOf(41) });
});
