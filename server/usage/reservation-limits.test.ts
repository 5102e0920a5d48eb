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
import { limitsInUse, setLimit } from '../api-keys/limit-store.ts';
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
const after = (ms: number) => new Date(beginning.getTime() + ms);
const keyId = () => house.keyIds[0] ?? '';

async function limit(
  unit: LimitUnit,
  window: LimitWindow,
  maximum: number,
  { model = null, at = beginning }: { model?: string | null; at?: Date } = {},
) {
  await setLimit(database.db, { id: randomUUID(), keyId: keyId(), unit, window, maximum, model, at });
}

async function reserve(overrides: Partial<Reservation> = {}) {
  const reservation = makeReservation(house, overrides);
  const [reserved] = await reserveRequests(database.pool, [reservation]);
  return { reservation, reserved };
}

const isIn = async (overrides: Partial<Reservation> = {}) => (await reserve(overrides)).reserved?.kind === 'reserved';

const usedNow = async (at: Date) =>
  (await limitsInUse(database.db, { keyId: keyId(), at })).map(({ used, freeAt }) => ({ used, freeAt }));

describe('a request within its limits', () => {
  it('is let in until the window is full, and again when the first has left it', async () => {
    await limit('requests', 'minute', 2);
    expect(await isIn()).toBe(true);
    expect(await isIn({ admittedAt: after(10 * second) })).toBe(true);
    const { reserved, reservation } = await reserve({ admittedAt: after(20 * second) });
    expect(reserved).toEqual({
      kind: 'over_limit',
      refusal: {
        unit: 'requests',
        window: 'minute',
        model: null,
        maximum: 2,
        used: 2,
        attempted: 1,
        freeAt: after(61 * second),
      },
    });
    const rows = await database.db.selectFrom('requests').where('id', '=', reservation.requestId).execute();
    expect(rows).toEqual([]);
    expect(await isIn({ admittedAt: after(60.999 * second) })).toBe(false);
    expect(await isIn({ admittedAt: after(61 * second) })).toBe(true);
  });

  it.each([
    ['five_hours', after(5 * hour + 60 * second)],
    ['week', after(7 * day + hour)],
    ['day', new Date('2026-11-24T00:00:00Z')],
    ['month', new Date('2026-12-01T00:00:00Z')],
  ] as const)('waits for the end of its window: %s', async (window, freeAt) => {
    await limit('total_tokens', window, 200);
    expect(await isIn()).toBe(true);
    const { reserved } = await reserve({ admittedAt: after(second) });
    expect(reserved).toMatchObject({ kind: 'over_limit', refusal: { window, used: 120, attempted: 120, freeAt } });
    expect(await isIn({ admittedAt: new Date(freeAt.getTime() - 1) })).toBe(false);
    expect(await isIn({ admittedAt: freeAt })).toBe(true);
  });

  it('is told when enough has left, not when something has', async () => {
    await limit('input_tokens', 'minute', 250);
    await reserve();
    await reserve({ admittedAt: after(30 * second) });
    const estimate = makeAmounts({ inputTokens: 200 });
    const { reserved } = await reserve({ admittedAt: after(40 * second), estimate });
    expect(reserved).toMatchObject({ refusal: { used: 200, attempted: 200, freeAt: after(91 * second) } });
  });

  it('that can never fit is told so', async () => {
    await limit('input_tokens', 'request', 99);
    await limit('requests', 'minute', 0);
    const { reserved } = await reserve();
    expect(reserved).toMatchObject({ kind: 'over_limit', refusal: { freeAt: null } });
  });

  it('counts as it is settled, and in the moment it was admitted', async () => {
    await limit('total_tokens', 'day', 1_000);
    const lateAtNight = new Date('2026-11-23T23:59:00Z');
    const { reservation } = await reserve({ admittedAt: lateAtNight });
    await settleRequests(database.pool, [
      makeSettlement(reservation, {
        completedAt: new Date('2026-11-24T00:01:00Z'),
        uses: [makeUse(reservation, { totalTokens: 900 })],
      }),
    ]);
    expect(await usedNow(lateAtNight)).toEqual([{ used: 900, freeAt: null }]);
    expect(await usedNow(new Date('2026-11-24T00:02:00Z'))).toEqual([{ used: 0, freeAt: null }]);
  });

  it('of unknown usage counts as it was estimated', async () => {
    await limit('cost_micros', 'day', 2_000);
    const { reservation } = await reserve();
    const unknown = { usageStatus: 'usage_unknown', status: 'failed', uses: [] } as const;
    await settleRequests(database.pool, [makeSettlement(reservation, unknown)]);
    expect(await usedNow(after(hour))).toEqual([{ used: 1_100, freeAt: null }]);
    expect(await isIn({ admittedAt: after(hour) })).toBe(false);
  });

  it('that was never sent gives back its tokens and itself', async () => {
    await limit('requests', 'day', 1);
    await limit('total_tokens', 'day', 120);
    const { reservation } = await reserve();
    expect(await isIn()).toBe(false);
    const unsent = { usageStatus: 'not_applicable', status: 'failed', uses: [] } as const;
    await settleRequests(database.pool, [makeSettlement(reservation, unsent)]);
    expect(await isIn()).toBe(true);
  });

  it('is written again without counting twice when its writer did not hear the answer', async () => {
    await limit('requests', 'day', 1);
    const { reservation } = await reserve();
    expect(await reserveRequests(database.pool, [reservation])).toEqual([{ kind: 'reserved' }]);
    expect(await usedNow(beginning)).toEqual([{ used: 1, freeAt: new Date('2026-11-24T00:00:00Z') }]);
  });
});

describe('limits', () => {
  it('of a model hold beside those of the key', async () => {
    await limit('requests', 'day', 3);
    await limit('requests', 'day', 1, { model: 'gpt-5.5' });
    expect(await isIn({ model: 'GPT-5.5' })).toBe(true);
    expect((await reserve({ model: 'gpt-5.5' })).reserved).toMatchObject({ refusal: { model: 'gpt-5.5', used: 1 } });
    expect(await isIn({ model: 'gpt-6.1-sol' })).toBe(true);
    expect(await isIn({ model: null })).toBe(true);
    expect((await reserve({ model: 'gpt-6.1-sol' })).reserved).toMatchObject({ refusal: { model: null, used: 3 } });
  });

  it('of requests at once free a place as soon as one is closed', async () => {
    await limit('concurrency', 'now', 1);
    const { reservation } = await reserve();
    expect((await reserve({ admittedAt: after(day) })).reserved).toMatchObject({
      refusal: { window: 'now', used: 1, freeAt: after(day) },
    });
    await settleRequests(database.pool, [makeSettlement(reservation)]);
    expect(await isIn({ admittedAt: after(day) })).toBe(true);
  });

  it('count what was used before the first of them was set', async () => {
    const { reservation } = await reserve();
    await settleRequests(database.pool, [makeSettlement(reservation)]);
    await reserve();
    await limit('requests', 'day', 2, { at: after(hour) });
    await limit('concurrency', 'now', 2, { at: after(hour) });
    const held = await limitsInUse(database.db, { keyId: keyId(), at: after(hour) });
    expect(Object.fromEntries(held.map(({ unit, used }) => [unit, used]))).toEqual({ requests: 2, concurrency: 1 });
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });

  it('of one key do not concern another', async () => {
    await limit('requests', 'day', 0);
    expect(await isIn({ keyId: house.keyIds[1] ?? '' })).toBe(true);
    expect(await isIn()).toBe(false);
  });

  it('let the first of a group in, and refuse the rest without counting them', async () => {
    await limit('requests', 'day', 3);
    await limit('input_tokens', 'day', 1_000);
    const large = makeAmounts({ inputTokens: 950 });
    const group = [
      makeReservation(house),
      makeReservation(house, { estimate: large }),
      makeReservation(house, { keyId: house.keyIds[1] ?? '' }),
      makeReservation(house),
      makeReservation(house),
      makeReservation(house),
    ];
    const kinds = (await reserveRequests(database.pool, group)).map(({ kind }) => kind);
    expect(kinds).toEqual(['reserved', 'over_limit', 'reserved', 'reserved', 'reserved', 'over_limit']);
    expect(await wrongUseSums(database.pool)).toEqual([]);
  });
});

describe('many at once, from two processes', () => {
  it('never take more than the last place', async () => {
    await limit('requests', 'minute', 5);
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
          for (const each of chosen) await limit(each.unit, each.window, each.maximum, each);
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
