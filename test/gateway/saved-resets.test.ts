import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { resets, type ResetPolicy } from '../../server/contract/resets.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

type Linked = Awaited<ReturnType<GatewayUnderTest['link']>>;

let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;

const week = { minutes: 10_080, usedPercent: 100, resetsInSeconds: 3 * 86_400 };
const fiveHours = { minutes: 300, usedPercent: 10 };
const blocked = { percentPerAnswer: 0, windows: [fiveHours, week], resetCredits: 2 };
const minutes = (count: number) => count * 60_000;
const attemptId = '4f1c0c0e-0000-4000-8000-000000000001';

beforeEach(async () => {
  gateway = await gatewayUnderTest();
  key = await gateway.key();
  anna = await gateway.link('anna', blocked);
});
afterEach(() => gateway.stop());

const allow = (account: string, changes: Partial<ResetPolicy> = {}) =>
  gateway.call(resets.change, { account, changes: { isAutomatic: true, ...changes } });
const bankOf = async (account = 'anna') => (await gateway.call(resets.show, { account })).bank;
const available = async () => (await bankOf()).credits.filter(({ status }) => status === 'available').length;
const consumed = () => gateway.sandbox.requests.filter(({ path }) => path.endsWith('/consume'));
const redeem = (id = attemptId) => gateway.call(resets.redeem, { account: 'anna', attemptId: id });

async function ask(thread = 't') {
  const answer = await askCodex(gateway, key, { thread });
  await answer.text();
  return answer.status;
}

describe('saved resets', () => {
  it('are read with the limits, and shown with their expiry', async () => {
    const bank = await bankOf();
    expect(bank.credits.map(({ status }) => status)).toEqual(['available', 'available']);
    for (const { expiresAt } of bank.credits)
      expect(expiresAt!.getTime()).toBeGreaterThan(gateway.clock.now().getTime());
    expect(bank).toMatchObject({ policy: { isAutomatic: false }, redemptions: [], effect: null });
  });

  it('are never spent by themselves unless somebody allowed it', async () => {
    expect(await ask()).toBe(429);
    expect(consumed()).toEqual([]);
  });
});

describe('a saved reset that is spent by hand', () => {
  it('frees the account for the next request, and is gone from the list', async () => {
    expect(await ask()).toBe(429);
    const { redemption, bank } = await redeem();
    expect(redemption).toMatchObject({ id: attemptId, cause: 'operator', outcome: 'reset', dispatches: 1 });
    expect(bank.effect).toBe('confirmed');
    expect(await available()).toBe(1);
    expect(await ask()).toBe(200);
    const events = await gateway.database.db.selectFrom('auditEvents').selectAll().execute();
    expect(events.find(({ action }) => action === 'resets.redeem')?.details).toMatchObject({
      'redemption.outcome': 'reset',
    });
  });

  it('is spent once, however often the same attempt is asked for', async () => {
    await redeem();
    const again = await redeem();
    expect(again.redemption).toMatchObject({ id: attemptId, outcome: 'reset' });
    expect(consumed()).toHaveLength(1);
    expect(await available()).toBe(1);
  });

  it('whose answer is lost is found spent in the list, and no second one is', async () => {
    anna.answers({ behaviour: 'A10', kind: 'answer_lost' });
    const { redemption } = await redeem();
    expect(redemption).toMatchObject({ outcome: 'reset', dispatches: 1 });
    expect(await available()).toBe(1);
    expect(await ask()).toBe(200);
  });

  it('that the provider breaks over is sent again with the same id, and goes on with it later', async () => {
    anna.answers({ behaviour: 'service', stage: 'consume', status: 500, times: 2 });
    const open = await redeem();
    expect(open.redemption).toMatchObject({ outcome: null, dispatches: 2 });
    const done = await redeem('4f1c0c0e-0000-4000-8000-000000000002');
    expect(done.redemption).toMatchObject({ id: attemptId, outcome: 'reset', dispatches: 3 });
    const ids = consumed().map(({ body }) => (JSON.parse(String(body)) as Record<string, string>)['redeem_request_id']);
    expect(new Set(ids)).toEqual(new Set([attemptId]));
    expect(await available()).toBe(1);
  });

  it('is sent six times at most', async () => {
    anna.answers({ behaviour: 'service', stage: 'consume', status: 500, times: 20 });
    for (let n = 0; n < 3; n += 1) await redeem();
    expect(consumed()).toHaveLength(6);
    expect((await bankOf()).redemptions).toMatchObject([{ outcome: null, dispatches: 6 }]);
  });

  it('stays spent when the limits cannot be read afterwards, and no limit is made up', async () => {
    anna.answers({ behaviour: 'A9', kind: 'html' });
    const { redemption, bank } = await redeem();
    expect(redemption.outcome).toBe('reset');
    expect(bank.effect).toBe('pending');
    expect(await ask()).toBe(429);
    await gateway.call(accounts.refresh, { account: 'anna' });
    expect((await bankOf()).effect).toBe('confirmed');
    expect(await ask()).toBe(200);
  });

  it('is refused without one, and nothing is sent', async () => {
    anna.resetCredits(0);
    await expect(redeem()).rejects.toMatchObject({ code: 'no_saved_reset' });
    expect(consumed()).toEqual([]);
  });

  it('is not spent when the provider does not say what there is', async () => {
    anna.answers({ behaviour: 'service', stage: 'reset_credits', status: 500 });
    await expect(redeem()).rejects.toMatchObject({ code: 'resets_not_read' });
    expect(consumed()).toEqual([]);
  });

  it('ten times at once is one', async () => {
    anna.answers({ behaviour: 'service', stage: 'consume', how: 'delay', delayMs: 5_000 });
    const ids = Array.from({ length: 10 }, (_, n) => `4f1c0c0e-0000-4000-8000-00000000001${n}`);
    const tries = ids.map((id) => redeem(id));
    // The provider takes its time until the nine others have been told no.
    const refused = new Set<string>();
    for (const [n, each] of tries.entries()) each.catch(() => refused.add(ids[n]!));
    await expect.poll(() => [refused.size, consumed().length]).toEqual([9, 1]);
    gateway.clock.advance(5_000);
    const ends = await Promise.allSettled(tries);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(consumed()).toHaveLength(1);
    expect(await available()).toBe(1);
  });
});

describe('a saved reset that may be spent by itself', () => {
  it('serves the very request that nobody else could, once for all that come at once', async () => {
    await allow('anna');
    const statuses = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(`thread ${n}`)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(consumed()).toHaveLength(1);
    expect((await bankOf()).redemptions).toMatchObject([{ cause: 'automatic', outcome: 'reset' }]);
    const events = await gateway.database.db.selectFrom('auditEvents').selectAll().execute();
    expect(events.filter(({ actor }) => actor === 'reset-policy')).toMatchObject([{ action: 'resets.redeem' }]);
  });

  it('is not spent while another account can serve', async () => {
    await allow('anna');
    await gateway.link('ben', { percentPerAnswer: 0 });
    for (let n = 0; n < 4; n += 1) expect(await ask(`thread ${n}`)).toBe(200);
    expect(consumed()).toEqual([]);
  });

  it('is not spent while another account will be back by its 5-hour limit', async () => {
    await allow('anna');
    await gateway.link('ben', { percentPerAnswer: 0, windows: [{ minutes: 300, usedPercent: 100 }] });
    expect(await ask()).toBe(429);
    expect(consumed()).toEqual([]);
  });

  it('is not spent below what is to be kept, nor just before the limit resets by itself', async () => {
    await allow('anna', { keepCredits: 2 });
    expect(await ask()).toBe(429);
    gateway.clock.advance(minutes(2));
    await allow('anna', { keepCredits: 0, minBlockedMinutes: 10_080 });
    expect(await ask()).toBe(429);
    expect(consumed()).toEqual([]);
  });

  it('is not spent when the provider no longer names the limit that was in the way', async () => {
    await allow('anna');
    anna.windows([fiveHours]);
    gateway.clock.advance(minutes(16));
    expect(await ask()).toBe(200);
    expect(consumed()).toEqual([]);
  });

  it('is asked for again under the same name, half an hour after a try that nobody answered', async () => {
    await allow('anna');
    anna.answers({ behaviour: 'service', stage: 'consume', status: 500, times: 2 });
    expect(await ask()).toBe(429);
    gateway.clock.advance(minutes(29));
    expect(await ask()).toBe(429);
    gateway.clock.advance(minutes(2));
    expect(await ask()).toBe(200);
    const names = consumed().map(
      ({ body }) => (JSON.parse(String(body)) as Record<string, string>)['redeem_request_id'],
    );
    expect([names.length, new Set(names).size]).toEqual([3, 1]);
    expect(await available()).toBe(1);
  });

  it('is not followed by another within half an hour', async () => {
    await allow('anna');
    expect(await ask()).toBe(200);
    anna.windows([fiveHours, week]);
    gateway.clock.advance(minutes(29));
    expect(await ask()).toBe(429);
    expect(consumed()).toHaveLength(1);
    gateway.clock.advance(minutes(2));
    expect(await ask()).toBe(200);
    expect(consumed()).toHaveLength(2);
  });
});
