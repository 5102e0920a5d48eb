/** Many reservations of one key at the same time, from two processes: together they never take more than its limits. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { beginning } from '../../test/support/exchange.ts';
import {
  makeAmounts,
  makeHousehold,
  makeReservation,
  makeSettlement,
  makeUse,
  type Household,
} from '../../test/support/ledger-rows.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { wrongUseSums } from '../../test/support/wrong-use-sums.ts';
import { setLimit } from '../api-keys/limit-store.ts';
import type { KeyLimit } from '../contract/limits.ts';
import type { LimitUnit, LimitWindow } from '../contract/vocabulary.ts';
import { connectDatabase, type Database } from '../database/connect.ts';
import type { Reservation } from './ledger-rows.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
/** As another process would have. */
let other: Database;
let house: Household;

beforeAll(async () => {
  database = await testDatabase();
  other = connectDatabase({ url: database.url, poolSize: 4, log: quietLog });
});
afterAll(async () => {
  await other.stop();
  await database.stop();
});
beforeEach(async () => {
  house = await makeHousehold(database.db);
});

const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;

const limit = (wanted: Omit<KeyLimit, 'id'>) =>
  setLimit(database.db, { ...wanted, id: randomUUID(), keyId: house.keyIds[0] ?? '', at: beginning });

describe('many at once, from two processes', () => {
  it('never take more than the last place', async () => {
    await limit({ unit: 'requests', window: 'minute', maximum: 5, model: null });
    const groups = Array.from({ length: 8 }, () => Array.from({ length: 4 }, () => makeReservation(house)));
    const results = await Promise.all(
      groups.map((group, index) => reserveRequests(index % 2 === 0 ? database.pool : other.pool, group)),
    );
    expect(results.flat().filter(({ kind }) => kind === 'reserved')).toHaveLength(5);
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });

  it('stay within all limits, whatever they are and whatever becomes of the requests', async () => {
    const limits = fc.record({
      unit: fc.constantFrom<LimitUnit>('requests', 'input_tokens', 'output_tokens', 'total_tokens', 'cost_micros'),
      window: fc.constantFrom<LimitWindow>('minute', 'five_hours', 'day', 'week', 'month'),
      maximum: fc.integer({ min: 0, max: 12 }),
      model: fc.constantFrom('gpt-5.5', null),
    });
    const atOnce = fc.record({
      unit: fc.constant<LimitUnit>('concurrency'),
      window: fc.constant<LimitWindow>('now'),
      maximum: fc.integer({ min: 0, max: 4 }),
      model: fc.constantFrom('gpt-5.5', null),
    });
    const ask = fc.record({
      model: fc.constantFrom('gpt-5.5', 'gpt-6.1-sol'),
      waitMs: fc.constantFrom(1, 700, 20_000, 61_000, 4 * hour, 3 * day),
      size: fc.integer({ min: 1, max: 4 }),
      group: fc.nat(2),
      became: fc.constantFrom('open', 'known', 'unknown', 'unsent'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.oneof(limits, atOnce), {
          maxLength: 4,
          selector: ({ unit, window, model }) => `${unit} ${window} ${model}`,
        }),
        fc.array(fc.array(ask, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
        async (chosen, rounds) => {
          house = await makeHousehold(database.db);
          for (const each of chosen) await limit(each);
          const admitted: { reservation: Reservation; size: number; became: string }[] = [];
          let now = beginning.getTime();
          for (const round of rounds) {
            now += round[0]?.waitMs ?? 1;
            const wishes = round.map(({ size, ...each }) => ({
              ...each,
              size,
              reservation: makeReservation(house, {
                model: each.model,
                admittedAt: new Date(now),
                estimate: makeAmounts({
                  inputTokens: size,
                  outputTokens: size,
                  totalTokens: size,
                  costMicros: String(size),
                }),
              }),
            }));
            const groups = [...Map.groupBy(wishes, ({ group }) => group).values()];
            await Promise.all(
              groups.map(async (group, index) => {
                const pool = index % 2 === 0 ? database.pool : other.pool;
                const results = await reserveRequests(
                  pool,
                  group.map(({ reservation }) => reservation),
                );
                group.forEach((wish, at) => {
                  if (results[at]?.kind === 'reserved') admitted.push(wish);
                });
              }),
            );
            // By now nothing is settled that was not so before, so what is counted here was counted when it came in.
            for (const each of chosen) {
              expect(useIn(each, { admitted, now })).toBeLessThanOrEqual(Math.max(each.maximum, 0));
            }
            const closing = admitted.filter(
              ({ became, reservation }) => became !== 'open' && reservation.admittedAt.getTime() === now,
            );
            await settleRequests(database.pool, closing.map(closed));
          }
          expect(await wrongUseSums(database.pool)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

function closed({ reservation, became }: { reservation: Reservation; became: string }) {
  if (became === 'known') return makeSettlement(reservation, { uses: [makeUse(reservation, reservation.estimate)] });
  const usageStatus = became === 'unknown' ? 'usage_unknown' : 'not_applicable';
  return makeSettlement(reservation, { status: 'failed', usageStatus, uses: [] });
}

/** What the admitted requests use of a limit, by the words of its window. */
function useIn(
  { unit, window, model }: { unit: LimitUnit; window: LimitWindow; model: string | null },
  { admitted, now }: { admitted: readonly { reservation: Reservation; size: number; became: string }[]; now: number },
): number {
  const spans = { minute: 60 * second, five_hours: 5 * hour, week: 7 * day } as Partial<Record<LimitWindow, number>>;
  const start = new Date(now);
  const since =
    window === 'day'
      ? start.setUTCHours(0, 0, 0, 0)
      : window === 'month'
        ? Date.UTC(start.getUTCFullYear(), start.getUTCMonth())
        : now - (spans[window] ?? Infinity) + 1;
  const counting = admitted.filter(({ reservation, became }) => {
    const at = reservation.admittedAt.getTime();
    if (model !== null && reservation.model !== model) return false;
    if (window === 'now') return became === 'open' || at === now;
    return at >= since && (became !== 'unsent' || at === now);
  });
  return counting.reduce((sum, { size }) => sum + (unit === 'requests' || unit === 'concurrency' ? 1 : size), 0);
}
