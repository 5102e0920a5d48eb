/** Which of two readings of one window stays stored. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { makeHousehold } from '../../test/support/ledger-rows.ts';
import { loadCredits, loadQuotaReadings, saveCredits, saveQuotaReadings } from './quota-store.ts';

let database: TestDatabase;
let anna: string;

beforeAll(async () => {
  database = await testDatabase();
  [anna = ''] = (await makeHousehold(database.db)).accountIds;
});
afterAll(() => database.stop());

const minute = 60_000;
const now = new Date('2026-11-22T06:00:00Z');
const after = (ms: number) => new Date(now.getTime() + ms);

it.each([
  ['the newer stays, whoever writes last', 5 * minute, 100],
  ['one from the future gives way: it was taken by a clock that was set back since', 365 * 1440 * minute, 12],
])('%s', async (_, aheadMs, expected) => {
  const save = async (usedPercent: number, observedAt: Date) => {
    const reading = { meter: 'codex', windowMinutes: 300, usedPercent, resetAt: null, observedAt } as const;
    await saveQuotaReadings(database.db, [{ accountId: anna, reading: { ...reading, source: 'usage_api' } }]);
    const credits = { hasCredits: true, unlimited: false, balance: String(usedPercent), observedAt };
    await saveCredits(database.db, [{ accountId: anna, credits }]);
  };
  await save(100, after(aheadMs));
  await save(12, now);
  const [stored] = await loadQuotaReadings(database.db, anna);
  const [credits] = await loadCredits(database.db);
  expect([stored?.reading.usedPercent, credits?.credits.balance]).toEqual([expected, String(expected)]);
});
