import { randomUUID } from 'node:crypto';
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
import { wrongUseSums } from '../../test/support/wrong-use-sums.ts';
import { limitsInUse, setLimit } from '../api-keys/limit-store.ts';
import type { LimitUnit, LimitWindow } from '../contract/vocabulary.ts';
import type { Reservation } from './ledger-rows.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';

let database: TestDatabase;
let house: Household;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
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

  it.each(['minute', 'five_hours', 'week'] as const)(
    'is let in after the clock was set back: what was used by the wrong time is not of this %s',
    async (window) => {
      await limit('requests', window, 1);
      expect(await isIn({ admittedAt: after(400 * day) })).toBe(true);
      expect(await usedNow(beginning)).toEqual([{ used: 0, freeAt: null }]);
      expect(await isIn()).toBe(true);
      const { reserved } = await reserve({ admittedAt: after(second) });
      expect(reserved).toMatchObject({ kind: 'over_limit', refusal: { used: 1 } });
      expect((reserved as { refusal: { freeAt: Date } }).refusal.freeAt.getTime()).toBeLessThan(
        after(8 * day).getTime(),
      );
    },
  );

  it('counts what another process with a clock a little ahead let in', async () => {
    await limit('requests', 'minute', 1);
    expect(await isIn({ admittedAt: after(30 * second) })).toBe(true);
    expect(await isIn()).toBe(false);
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
