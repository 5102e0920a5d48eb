import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { memberships } from '../../server/contract/memberships.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { annaAndBen, type Linked } from '../support/household.ts';
import { settledRow } from '../support/ledger.ts';
import { threadOf } from '../support/thread-of.ts';
import { until } from '../support/until.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;
let ben: Linked;

beforeAll(async () => {
  // So long that a slow machine commits to no answer that is about to fail.
  gateway = await gatewayUnderTest({ settings: { 'gateway.holdback_ms': 60_000 } });
  ({ anna, ben, key } = await annaAndBen(gateway));
});
afterAll(() => gateway.stop());
beforeEach(() => {
  anna.forgetScript();
  ben.forgetScript();
  // Who failed in the test before has been forgiven.
  gateway.clock.advance(5 * 60_000);
});

async function attemptsOf(requestId: string | null) {
  return gateway.database.db
    .selectFrom('attempts')
    .selectAll()
    .where('requestId', '=', requestId ?? '')
    .orderBy('number')
    .execute();
}

describe('an attempt that fails before anything was sent', () => {
  for (const [name, behaviour] of [
    ['answers 500', { behaviour: 'F4', kind: 'server_error' }],
    ['answers 502 with a page', { behaviour: 'F4', kind: 'bad_gateway' }],
    ['answers 429 for speed', { behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 1 }],
    ['refuses the token even after a refresh', { behaviour: 'F1', kind: 'token_invalidated', times: 2 }],
    ['does not serve the model', { behaviour: 'F5', kind: 'model_not_supported' }],
    ['refuses by policy', { behaviour: 'F2', kind: 'forbidden' }],
    ['cuts the connection before headers', { behaviour: 'F9', at: 'start', how: 'reset' }],
    ['cuts the connection after headers', { behaviour: 'F9', at: 'headers', how: 'reset' }],
    ['cuts the connection after created', { behaviour: 'F9', at: 'created', how: 'reset' }],
    ['ends after created', { behaviour: 'F9', at: 'created', how: 'end' }],
    ['fails late with an error of its own', { behaviour: 'F6', code: 'server_error' }],
    ['fails late with an overload', { behaviour: 'F6', code: 'server_is_overloaded' }],
    ['fails late with a used-up limit', { behaviour: 'F6', code: 'usage_limit_reached' }],
  ] as const) {
    it(`moves to another account when the first ${name}`, async () => {
      const thread = await threadOf(gateway, key, 'anna');
      anna.answers(behaviour as never);
      const answer = await askCodex(gateway, key, { thread });
      const text = await answer.text();
      expect(answer.status).toBe(200);
      expect(typesOf(text).at(-1)).toBe('response.completed');
      expect(typesOf(text)).not.toContain('response.failed');
      expect(typesOf(text).filter((type) => type === 'response.created')).toHaveLength(1);
      const requestId = answer.headers.get('x-request-id');
      const attempts = await waitForAttempts(requestId, 2);
      expect(attempts.map(({ accountLabel, status }) => [accountLabel, status])).toEqual([
        ['anna', 'retryable_failed'],
        ['ben', 'succeeded'],
      ]);
      const ledger = await gateway.database.db
        .selectFrom('ledgerEntries')
        .select('event')
        .where('requestId', '=', requestId ?? '')
        .orderBy('event')
        .execute();
      expect(ledger.map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement']);
      gateway.clock.advance(3_600_000 * 6);
    });
  }
});

describe("an answer that is the request's own fault", () => {
  for (const kind of ['context_length_exceeded', 'invalid_prompt', 'cyber_policy', 'no_tool_output'] as const) {
    it(`passes ${kind} on as it came and asks nobody else`, async () => {
      const thread = await threadOf(gateway, key, 'anna');
      anna.answers({ behaviour: 'F5', kind });
      const before = ben.counters.requests;
      const answer = await askCodex(gateway, key, { thread });
      expect(answer.status).toBe(400);
      expect(JSON.stringify(await answer.json())).toContain(kind === 'no_tool_output' ? 'No tool output' : kind);
      expect(ben.counters.requests).toBe(before);
    });
  }
});

describe('a stream that breaks after something was sent', () => {
  it('asks no other account after a forwarded item, and the client sees a cut stream', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.answers({ behaviour: 'F9', at: 'item_done', how: 'reset' });
    const before = ben.counters.requests;
    const answer = await askCodex(gateway, key, { thread });
    const text = await answer.text().catch((error: unknown) => String(error));
    expect(text).toContain('response.output_item.done');
    expect(text).not.toContain('response.completed');
    expect(text).not.toContain('event: error');
    expect(ben.counters.requests).toBe(before);
    const row = await settledRow(gateway, answer.headers.get('x-request-id'));
    expect(row).toMatchObject({ status: 'failed', errorCode: 'upstream_stream_error', usageStatus: 'usage_unknown' });
  });
});

describe('an exhausted account', () => {
  it('is left alone until its reset, the thread stays where it went, and afterwards it serves again', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.fails(429, { resetsInSeconds: 600 });
    const answer = await askCodex(gateway, key, { thread });
    expect(typesOf(await answer.text()).at(-1)).toBe('response.completed');
    const served = ben.counters.requests;
    await (await askCodex(gateway, key, { thread })).text();
    expect(ben.counters.requests).toBe(served + 1);
    gateway.clock.advance(601_000);
    const count = anna.counters.requests;
    await threadOf(gateway, key, 'anna');
    expect(anna.counters.requests).toBeGreaterThan(count);
  });

  it('answers 429 with the earliest reset when every account is exhausted, and records the refusal', async () => {
    const now = gateway.clock.now().getTime();
    anna.fails(429, { resetsInSeconds: 1200 });
    ben.fails(429, { resetsInSeconds: 600 });
    const answer = await askCodex(gateway, key, { thread: 'all-used' });
    expect(answer.status).toBe(429);
    const { error } = (await answer.json()) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ type: 'usage_limit_reached', plan_type: null });
    expect(Math.abs(Number(error['resets_at']) - (now / 1000 + 600))).toBeLessThan(5);
    const again = await askCodex(gateway, key, { thread: 'all-used' });
    expect(again.status).toBe(429);
    const row = await settledRow(gateway, again.headers.get('x-request-id'));
    expect(row).toMatchObject({ status: 'rejected', errorCode: 'usage_limit_reached', usageStatus: 'not_applicable' });
    gateway.clock.advance(1_300_000);
  });
});

describe('a provider that does not begin to answer', () => {
  it('is waited for 90 seconds by all attempts together, and the client is told to come back', async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'F8', at: 'start' });
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const waiting = askCodex(gateway, key, { thread: 'patience' });
    await arrived;
    await gateway.clock.untilWaiting();
    gateway.clock.advance(90_000);
    const answer = await waiting;
    expect(answer.status).toBe(504);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(JSON.stringify(await answer.json())).toContain('upstream_timeout');
  });
});

describe('an account that cannot be reached', () => {
  it('costs one attempt: another answers, and everything is accounted once', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    await gateway.database.db
      .updateTable('accounts')
      .set({ backendOrigin: 'http://127.0.0.1:9' })
      .where('id', '=', anna.gatewayId)
      .execute();
    await gateway.call(memberships.join, { account: 'anna', pool: 'default' });
    const answer = await askCodex(gateway, key, { thread });
    await answer.text();
    const attempts = await waitForAttempts(answer.headers.get('x-request-id'), 2);
    expect(attempts.map(({ accountLabel, status }) => [accountLabel, status])).toEqual([
      ['anna', 'retryable_failed'],
      ['ben', 'succeeded'],
    ]);
    await gateway.database.db.updateTable('accounts').set({ backendOrigin: null }).execute();
    await gateway.call(memberships.join, { account: 'anna', pool: 'default' });
  });
});

describe('what the provider knows of nobody', () => {
  it('passes the last answer on when every account fails the same way', async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'F4', kind: 'unavailable' });
    const answer = await askCodex(gateway, key);
    expect(answer.status).toBe(503);
  });

  it("never shows a client an account's 401", async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'F1', kind: 'token_invalidated', times: 2 });
    const answer = await askCodex(gateway, key);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    gateway.clock.advance(60_000);
  });

  it.each(['bad_gateway', 'edge_unknown', 'edge_timeout'] as const)(
    'passes no page of the edge on when everybody fails with one: %s',
    async (kind) => {
      for (const account of [anna, ben]) account.answers({ behaviour: 'F4', kind });
      const answer = await askCodex(gateway, key);
      const text = await answer.text();
      expect([answer.status, answer.headers.get('content-type')]).toEqual([502, expect.stringContaining('json')]);
      expect(JSON.parse(text)).toHaveProperty('error.code');
      expect(text).not.toMatch(/<html|cloudflare/i);
    },
  );

  it('turns an edge challenge into a short wait instead of a page, and blames no account', async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'F2', kind: 'challenge' });
    const answer = await askCodex(gateway, key);
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain('<html');
    gateway.clock.advance(60_000);
    anna.forgetScript();
    ben.forgetScript();
    expect((await askCodex(gateway, key)).status).toBe(200);
  });
});

it('closes an account that the provider has closed: it is asked no more, and shown as to be signed in again', async () => {
  const own = await gatewayUnderTest();
  const carl = await own.link('carl', { percentPerAnswer: 0 });
  const secret = await own.key();
  carl.answers({ behaviour: 'F2', kind: 'account_deactivated' });
  expect((await askCodex(own, secret)).status).toBeGreaterThanOrEqual(500);
  const shown = async () => (await own.call(accounts.list, {})).accounts[0];
  await until(async () => (await shown())?.status === 'reauth_required');
  expect(await shown()).toMatchObject({ statusReason: 'account_deactivated' });
  own.clock.advance(600_000);
  const { requests } = carl.counters;
  expect((await askCodex(own, secret)).status).toBeGreaterThanOrEqual(500);
  expect(carl.counters.requests).toBe(requests);
  await own.stop();
});

it('sends no 401, no cookie and no forwarding header to anybody', () => {
  expect(gateway.sandbox.violations).toEqual([]);
});

async function waitForAttempts(requestId: string | null, count: number) {
  await settledRow(gateway, requestId);
  const attempts = await attemptsOf(requestId);
  expect(attempts).toHaveLength(count);
  return attempts;
}
