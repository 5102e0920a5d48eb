/** What ends a key ends for its clients: the next request at once, one in the line at once, a running one not at all. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { pools } from '../../server/contract/pools.ts';
import { typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { settledRow } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf, type RawAnswer, type RawCall } from '../support/raw-codex.ts';

/** A time nobody else waits for: a timer of it is a request in the line. */
const queueWaitMs = 607_919;

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
/** Another process of the same installation. */
let other: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let waited = 0;
let named = 0;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open({
    settings: {
      'admission.proxy_stream.seats': 1,
      'admission.proxy_stream.queue': 10,
      'admission.proxy_stream.wait_ms': queueWaitMs,
    },
  });
  other = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  await gateway.call(pools.create, { name: 'Elsewhere', routing: {} });
});
afterAll(() => installation.stop());

let running: RawCall;
let holder: string;
beforeEach(async () => {
  anna.forgetScript().always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  holder = await gateway.key({ name: `holder-${(named += 1)}` });
  running = openCodex(gateway, holder);
  await running.until((text) => text.includes('response.output_item.added'));
});
afterEach(() => running.leave());

/** The running stream goes on to its end. */
async function finishRunning(): Promise<void> {
  await providerClock.untilWaiting();
  providerClock.advance(1_000);
  expect(typesOf((await running.answer).body.toString('utf8')).at(-1)).toBe('response.completed');
}

/** A key with a request that stands in the line. */
async function waitingKey({
  expiresInMs = null,
  pool = 'default',
}: { expiresInMs?: number | null; pool?: string } = {}) {
  const name = `waiting-${(named += 1)}`;
  const secret = await gateway.key({ name });
  if (expiresInMs !== null)
    await gateway.call(apiKeys.update, {
      key: name,
      expiresAt: new Date(gateway.clock.now().getTime() + expiresInMs),
    });
  if (pool !== 'default') await gateway.call(apiKeys.update, { key: name, pool });
  const call = openCodex(gateway, secret);
  await installation.clock.timersOf(queueWaitMs, (waited += 1));
  return { name, secret, call };
}

function codeOf({ body }: RawAnswer): string {
  return (JSON.parse(body.toString('utf8')) as { error: { code: string } }).error.code;
}

const rowOf = (answer: RawAnswer) => settledRow(gateway, requestIdOf(answer));

describe('a request that waits for its seat', () => {
  it.each<[string, string, number, (key: string) => Promise<unknown>]>([
    ['paused', 'api_key_paused', 401, (key) => gateway.call(apiKeys.pause, { key })],
    ['revoked', 'api_key_revoked', 401, (key) => gateway.call(apiKeys.revoke, { key })],
    [
      'rotated without overlap',
      'api_key_rotated',
      401,
      (key) => gateway.call(apiKeys.rotate, { key, overlapSeconds: 0 }),
    ],
    ['deleted', 'api_key_missing', 401, (key) => gateway.call(apiKeys.delete, { key })],
    ['moved', 'api_key_moved', 503, (key) => gateway.call(apiKeys.update, { key, pool: 'elsewhere' })],
    ['paused by another process', 'api_key_paused', 401, (key) => other.call(apiKeys.pause, { key })],
  ])('is refused as soon as its key is %s, while others keep their places', async (_name, code, status, end) => {
    const { name, call } = await waitingKey();
    const neighbour = await waitingKey();
    await end(name);
    const answer = await call.answer;
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(neighbour.call.received()).toHaveLength(0);
    await finishRunning();
    running = neighbour.call;
    await running.until((text) => text.includes('response.output_item.added'));
    await finishRunning();
  });

  it('is refused as soon as its Pool is disabled', async () => {
    const { call } = await waitingKey({ pool: 'elsewhere' });
    await gateway.call(pools.disable, { pool: 'elsewhere' });
    const answer = await call.answer;
    expect([answer.status, codeOf(answer)]).toEqual([401, 'api_key_missing']);
    await gateway.call(pools.enable, { pool: 'elsewhere' });
  });

  it('is refused as soon as its key expires', async () => {
    const { call } = await waitingKey({ expiresInMs: 5_000 });
    expect(call.received()).toHaveLength(0);
    gateway.clock.advance(5_000);
    const answer = await call.answer;
    expect([answer.status, codeOf(answer)]).toEqual([401, 'api_key_expired']);
    expect(await rowOf(answer)).toMatchObject({ status: 'rejected', errorCode: 'api_key_expired' });
  });

  it('goes on when its key is changed without being ended', async () => {
    const { name, call } = await waitingKey();
    await gateway.call(apiKeys.update, { key: name, name: `${name}-renamed`, policy: { allowedModels: [] } });
    await gateway.call(apiKeys.rotate, { key: `${name}-renamed`, overlapSeconds: 60 });
    await finishRunning();
    running = call;
    await running.until((text) => text.includes('response.output_item.added'));
    await finishRunning();
  });
});

describe('a running answer', () => {
  it.each<[string, (key: string) => Promise<unknown>]>([
    ['paused', (key) => gateway.call(apiKeys.pause, { key })],
    ['revoked', (key) => gateway.call(apiKeys.revoke, { key })],
    ['deleted', (key) => gateway.call(apiKeys.delete, { key })],
  ])(
    'comes to its end although its key is %s, and is settled under its name; the next is refused',
    async (_name, end) => {
      const name = `holder-${named}`;
      await end(name);
      const next = await openCodex(gateway, holder).answer;
      expect(next.status).toBe(401);
      await finishRunning();
      expect(await rowOf(await running.answer)).toMatchObject({ status: 'succeeded', apiKeyName: name });
    },
  );
});

describe('a rotated key', () => {
  it('works with both secrets until the overlap ends, then with the new one only; its history stays', async () => {
    await finishRunning();
    anna.forgetScript();
    const name = `rotated-${(named += 1)}`;
    const former = await gateway.key({ name });
    const { key, secret } = await gateway.call(apiKeys.rotate, { key: name, overlapSeconds: 3_600 });
    expect(key.overlap?.prefix).toBe(former.slice(0, 19));
    const [old, current] = [await openCodex(gateway, former).answer, await openCodex(gateway, secret).answer];
    expect([old.status, current.status]).toEqual([200, 200]);
    expect(await rowOf(old)).toMatchObject({ apiKeyId: key.id, apiKeyPrefix: former.slice(0, 19) });
    expect(await rowOf(current)).toMatchObject({ apiKeyId: key.id, apiKeyPrefix: key.prefix });

    // Just before, the two overlap; the clock runs on by itself.
    gateway.clock.advance(3_590_000);
    expect((await openCodex(gateway, former).answer).status).toBe(200);
    gateway.clock.advance(10_000);
    const late = await openCodex(gateway, former).answer;
    expect([late.status, codeOf(late)]).toEqual([401, 'api_key_rotated']);
    expect((await openCodex(gateway, secret).answer).status).toBe(200);
    const shown = await gateway.call(apiKeys.show, { key: name });
    expect(shown.key).toMatchObject({ id: key.id, prefix: key.prefix, overlap: null });
  });

  it('ends with both secrets when it is revoked', async () => {
    const name = `revoked-${(named += 1)}`;
    const former = await gateway.key({ name });
    const { secret } = await gateway.call(apiKeys.rotate, { key: name, overlapSeconds: 3_600 });
    const { key } = await gateway.call(apiKeys.revoke, { key: name });
    expect(key.overlap).toBeNull();
    for (const each of [former, secret]) {
      const answer = await openCodex(gateway, each).answer;
      expect([answer.status, codeOf(answer)]).toEqual([401, 'api_key_revoked']);
    }
  });
});
