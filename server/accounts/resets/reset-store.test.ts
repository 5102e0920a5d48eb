import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../test/support/database.ts';
import type { ResetCause } from '../../contract/vocabulary.ts';
import { insertAccount } from '../sign-in-store.ts';
import { claimRedemption, countDispatch, finishRedemption, saveCreditList, selectCredits } from './reset-store.ts';

let database: TestDatabase;
const accountId = '4f1c0c0e-0000-4000-8000-0000000000aa';
const now = new Date('2026-11-22T06:00:00Z');
const idOf = (n: number) => `4f1c0c0e-0000-4000-8000-${String(n).padStart(12, '0')}`;
const claim = (n: number, at = now, cause: ResetCause = 'operator') =>
  claimRedemption(database.db, { id: idOf(n), accountId, creditId: 'credit', cause, askedAt: at, now: at });

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

it('what one process spent by itself, another that decided at the same time does not spend again', async () => {
  const start = new Date(now.getTime() + 24 * 3_600_000);
  await database.db.deleteFrom('resetRedemptions').execute();
  const after = (minutes: number) => new Date(start.getTime() + minutes * 60_000);
  expect(await claim(50, start, 'automatic')).toMatchObject({ id: idOf(50) });
  await finishRedemption(database.db, { id: idOf(50), outcome: 'reset', now: after(1) });
  expect(await claim(51, after(1), 'automatic')).toBeNull();
  expect(await claim(52, after(30), 'automatic')).toBeNull();
  expect(await claim(53, after(31), 'automatic')).toMatchObject({ id: idOf(53) });
  await finishRedemption(database.db, { id: idOf(53), outcome: 'reset', now: after(31) });
  expect(await claim(54, after(32))).toMatchObject({ id: idOf(54) });
});

it('a try that is given up is not followed by another in the same breath, unless somebody asks for it', async () => {
  const start = new Date(now.getTime() + 48 * 3_600_000);
  await database.db.deleteFrom('resetRedemptions').execute();
  await claim(60, start, 'automatic');
  await finishRedemption(database.db, { id: idOf(60), outcome: null, now: start });
  const later = new Date(start.getTime() + 6 * 3_600_000);
  expect(await claim(61, later, 'automatic')).toBeNull();
  const rows = await database.db.selectFrom('resetRedemptions').select(['id', 'outcome']).execute();
  expect(rows).toEqual([{ id: idOf(60), outcome: 'unknown' }]);
  expect(await claim(62, later)).toMatchObject({ id: idOf(62) });
});

it('a wish that is older than the end of another is not met: whoever wished did not know', async () => {
  const start = new Date(now.getTime() + 72 * 3_600_000);
  await database.db.deleteFrom('resetRedemptions').execute();
  await claim(70, start);
  await finishRedemption(database.db, { id: idOf(70), outcome: 'reset', now: new Date(start.getTime() + 900) });
  const late = { accountId, creditId: 'another', cause: 'operator', now: new Date(start.getTime() + 1_000) } as const;
  expect(await claimRedemption(database.db, { ...late, id: idOf(71), askedAt: start })).toBeNull();
  expect(await claimRedemption(database.db, { ...late, id: idOf(72), askedAt: late.now })).toMatchObject({
    id: idOf(72),
  });
});

it('a list that was asked for earlier does not take the place of a later one, unless its time is still to come', async () => {
  const at = (minute: number) => new Date(now.getTime() + minute * 60_000);
  const save = (ids: string[], [askedAt, savedAt]: [number, number]) =>
    saveCreditList(database.db, {
      accountId,
      credits: ids.map((id) => ({ id, status: 'available', grantedAt: null, expiresAt: null })),
      askedAt: at(askedAt),
      now: at(savedAt),
    });
  const kept = async () => (await selectCredits(database.db, accountId)).map(({ id }) => id);
  await save(['left'], [2, 3]);
  await save(['spent', 'left'], [1, 4]);
  expect(await kept()).toEqual(['left']);
  await save([], [5, 5]);
  expect(await kept()).toEqual([]);
  await save(['of a clock set back'], [3, 4]);
  expect(await kept()).toEqual(['of a clock set back']);
});
