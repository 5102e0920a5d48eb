/** What a key may use: refused beyond it with everything there is to know, counted as settled, and never overtaken. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import type { InputOf } from '../../server/contract/endpoint.ts';
import { limits } from '../../server/contract/limits.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { ledgerOf, requestIds, settledRow } from '../support/ledger.ts';
import { openCodex } from '../support/raw-codex.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { until } from '../support/until.ts';

let installation: Installation;
let gateway: GatewayUnderTest;
let beside: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let keys = 0;
let waited = 0;

/** A time nobody else waits for: a timer of it is a request in the line. */
const queueWaitMs = 607_919;
const standsInLine = () => installation.clock.timersOf(queueWaitMs, (waited += 1));

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open({ settings: { 'admission.proxy_stream.wait_ms': queueWaitMs } });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  beside = await installation.open();
});
afterAll(() => installation.stop());
beforeEach(async () => {
  anna.forgetScript();
  // Long enough for any account to be tried again.
  gateway.clock.advance(600_000);
  key = await gateway.key({ name: `limited ${(keys += 1)}` });
});

type Limit = Omit<InputOf<typeof limits.set>, 'key'>;
const limit = (wanted: Omit<Limit, 'model'> & { model?: string }) =>
  gateway.call(limits.set, { key: `limited ${keys}`, model: null, ...wanted });

async function ask(of = gateway, secret = key) {
  const response = await askCodex(of, secret);
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as { error?: Record<string, unknown> }) : {};
  return { status: response.status, headers: response.headers, error: body.error };
}

const settled = (answer: { headers: Headers }) => settledRow(gateway, answer.headers.get('x-request-id'));

describe('a request beyond a limit', () => {
  it('is refused with the limit, what is used, and the seconds until it fits; and leaves a row', async () => {
    await limit({ unit: 'requests', window: 'minute', maximum: 1 });
    expect((await ask()).status).toBe(200);
    const known = anna.counters.requests;
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(59);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(61);
    expect(refused.error).toMatchObject({
      code: 'api_key_policy_limit_exceeded',
      type: 'rate_limit_error',
      limit: { unit: 'requests', window: 'minute', model: null, maximum: 1, used: 1, attempted: 1 },
    });
    expect(refused.error?.['message']).toContain('It allows 1 request per minute: 1 used, 1 asked for.');
    expect(anna.counters.requests).toBe(known);
    const row = await settled(refused);
    expect(row).toMatchObject({ status: 'rejected', errorCode: 'api_key_policy_limit_exceeded', responseStatus: 429 });
    expect(await ledgerOf(gateway.database.db, row.id)).toEqual([]);
  });

  it('is let in once the seconds it was told are over', async () => {
    await limit({ unit: 'requests', window: 'minute', maximum: 1 });
    await ask();
    const wait = Number((await ask()).headers.get('retry-after'));
    gateway.clock.advance(wait * 1_000);
    expect((await ask()).status).toBe(200);
  });

  it('of a day is shown by Codex as exhaustion, with the time and our sentence, instead of waited for', async () => {
    await limit({ unit: 'requests', window: 'day', maximum: 0 });
    await limit({ unit: 'requests', window: 'day', maximum: 1 });
    await ask();
    const refused = await ask();
    const reset = Math.ceil(gateway.clock.now().getTime() / 86_400_000) * 86_400;
    expect(refused.error).toMatchObject({ type: 'usage_limit_reached', plan_type: null, resets_at: reset });
    expect(refused.headers.get('x-codex-promo-message')).toContain('1 request per day');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('that can never fit has no time to wait for', async () => {
    await limit({ unit: 'input_tokens', window: 'request', maximum: 1 });
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBeNull();
    expect(refused.error).toMatchObject({ limit: { window: 'request', freeAt: null, used: 0 } });
  });
});

describe('what counts', () => {
  it('is what was reported, as soon as it is', async () => {
    await limit({ unit: 'total_tokens', window: 'day', maximum: 1_000_000 });
    const row = await settled(await ask());
    const entries = await ledgerOf(gateway.database.db, row.id);
    const reported = entries.find(({ event }) => event === 'settlement')?.totalTokens;
    const [held] = (await gateway.call(limits.list, { key: `limited ${keys}` })).limits;
    expect(held).toMatchObject({ unit: 'total_tokens', used: reported, freeAt: null });
  });

  it('is nothing for a request that no account was asked for', async () => {
    await limit({ unit: 'requests', window: 'day', maximum: 1 });
    anna.answers({ behaviour: 'F2', kind: 'challenge' });
    await settled(await ask());
    expect((await ask()).status).not.toBe(429);
  });

  it('is not cut while it runs: limits hold for what comes after', async () => {
    const begun = await askCodex(gateway, key);
    await limit({ unit: 'total_tokens', window: 'day', maximum: 0 });
    expect(await begun.text()).toContain('response.completed');
    expect((await ask()).status).toBe(429);
  });

  it('ends with its limit', async () => {
    await limit({ unit: 'requests', window: 'month', maximum: 0 });
    expect((await ask()).status).toBe(429);
    await gateway.call(limits.remove, { key: `limited ${keys}`, unit: 'requests', window: 'month', model: null });
    expect((await ask()).status).toBe(200);
  });

  it('goes with its key', async () => {
    await limit({ unit: 'requests', window: 'month', maximum: 5 });
    await ask();
    await gateway.call(apiKeys.delete, { key: `limited ${keys}` });
    expect((await ask()).status).toBe(401);
  });
});

describe('two gateways on one database', () => {
  it('let no more in together than the limit, however many ask at once', async () => {
    await limit({ unit: 'requests', window: 'day', maximum: 3 });
    const answers = await Promise.all(Array.from({ length: 12 }, (_each, n) => ask(n % 2 === 0 ? gateway : beside)));
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([200, 200, 200, ...Array.from({ length: 9 }, () => 429)]);
  });

  it('hold one limit of requests at once between them, and let the next in when one has ended', async () => {
    await limit({ unit: 'concurrency', window: 'now', maximum: 1 });
    anna.answers({ behaviour: 'F8', at: 'created' });
    const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const running = openCodex(gateway, key);
    await arrived;
    const refused = await ask(beside);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(refused.error).toMatchObject({ limit: { unit: 'concurrency', used: 1, maximum: 1 } });
    // In the same process it waits for its place, and gets it when the other is settled.
    const waiting = ask();
    await standsInLine();
    running.leave();
    expect((await waiting).status).toBe(200);
  });

  it('give a place on when the request before is settled, so that whoever waited for it is not refused', async () => {
    await limit({ unit: 'concurrency', window: 'now', maximum: 1 });
    anna.answers({ behaviour: 'F8', at: 'created' });
    const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const known = await requestIds(gateway);
    const running = openCodex(gateway, key);
    await arrived;
    const waiting = openCodex(gateway, key);
    await standsInLine();
    const [open] = [...(await requestIds(gateway))].filter((id) => !known.has(id));
    await whileHeld(open, async (isWaitedFor) => {
      running.leave();
      await isWaitedFor();
      expect(waiting.received()).toHaveLength(0);
    });
    expect((await waiting.answer).status).toBe(200);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['raised by the other', () => beside.call(limits.set, { ...place(), maximum: 2 })],
    ['lifted', () => gateway.call(limits.remove, place())],
  ])('let in whoever waits for a place as soon as its limit is %s', async (_how, change) => {
    await limit({ unit: 'concurrency', window: 'now', maximum: 1 });
    anna.answers({ behaviour: 'F8', at: 'created' });
    const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const running = openCodex(gateway, key);
    await arrived;
    const waiting = ask();
    await standsInLine();
    await change();
    expect((await waiting).status).toBe(200);
    running.leave();
  });

  const place = () => ({ key: `limited ${keys}`, unit: 'concurrency', window: 'now', model: null }) as const;

  /** While another session holds the row of a request, it cannot be settled. */
  async function whileHeld(id: string | undefined, act: (isWaitedFor: () => Promise<void>) => Promise<void>) {
    const session = await installation.database.pool.connect();
    try {
      await session.query('begin');
      await session.query('select from requests where id = $1 for update', [id]);
      const waits = 'select from pg_locks where not granted';
      await act(() => until(async () => ((await session.query(waits)).rowCount ?? 0) > 0));
    } finally {
      await session.query('rollback');
      session.release();
    }
  }
});
