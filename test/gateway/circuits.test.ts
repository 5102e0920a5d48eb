import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { newRow, requestIds } from '../support/ledger.ts';
import { openCodex } from '../support/raw-codex.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;

beforeEach(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterEach(() => gateway.stop());

async function ask(thread: string) {
  const answer = await askCodex(gateway, key, { thread });
  const text = await answer.text();
  return { status: answer.status, text, retryAfter: answer.headers.get('retry-after') };
}

describe('an account that fails three times in a row', () => {
  beforeEach(async () => {
    anna.answers({ behaviour: 'F4', kind: 'server_error', times: 3 });
    for (let n = 0; n < 3; n += 1) await ask('t');
  });

  it('gets no fourth request, and the client is told how long to wait', async () => {
    const before = anna.counters.requests;
    const refused = await ask('t');
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('left alone');
    expect(Number(refused.retryAfter)).toBeGreaterThan(50);
    expect(anna.counters.requests).toBe(before);
  });

  it('gets one request after a minute, and serves again when that succeeds', async () => {
    gateway.clock.advance(60_000);
    expect((await ask('t')).status).toBe(200);
    expect((await ask('t')).status).toBe(200);
  });

  it('is left alone for another minute when that fails', async () => {
    gateway.clock.advance(60_000);
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask('t')).status).toBe(500);
    expect((await ask('t')).status).toBe(503);
  });

  it('is tried again by the next when the try was the fault of its own request', async () => {
    gateway.clock.advance(60_000);
    anna.answers({ behaviour: 'F5', kind: 'context_length_exceeded' });
    expect((await ask('t')).status).toBe(400);
    expect((await ask('t')).status).toBe(200);
  });

  it.each([
    ['before there is an answer', { behaviour: 'F8', at: 'start' }],
    ['before the answer is committed', { behaviour: 'F8', at: 'created' }],
    ['in the middle of the answer', { behaviour: 'N12', deltas: 1, everyMs: 3_600_000 }],
  ] as const)('is tried again by the next when the client of the try leaves %s', async (moment, behaviour) => {
    gateway.clock.advance(60_000);
    anna.answers(behaviour);
    const known = await requestIds(gateway);
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const call = openCodex(gateway, key, { thread: 't' });
    await arrived;
    if (moment.includes('middle')) await call.until((text) => text.includes('response.output_item.added'));
    call.leave();
    expect(await newRow(gateway, known)).toMatchObject({ errorCode: 'client_disconnected' });
    expect((await ask('t')).status).toBe(200);
  });
});

describe('answers that break off', () => {
  it('three times in a row count as any failure does, although their clients had begun to read', async () => {
    for (let n = 0; n < 3; n += 1) {
      anna.answers({ behaviour: 'F9', at: 'deltas', deltas: 2 });
      expect((await openCodex(gateway, key, { thread: 't' }).answer).status).toBe(200);
    }
    await gateway.settled(3);
    expect((await ask('t')).status).toBe(503);
  });

  it('but once in between do not', async () => {
    for (const isWhole of [false, false, true, false]) {
      anna.answers(isWhole ? { behaviour: 'N1' } : { behaviour: 'F9', at: 'deltas', deltas: 2 });
      await openCodex(gateway, key, { thread: 't' }).answer;
    }
    await gateway.settled(4);
    expect((await ask('t')).status).toBe(200);
  });
});

describe('changed settings', () => {
  it('hold for circuits at once: how many failures open one, and for how long', async () => {
    await gateway.change({ 'circuit.failure_threshold': 1, 'circuit.open_ms': 10_000 });
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask('t')).status).toBe(500);
    expect((await ask('t')).status).toBe(503);
    gateway.clock.advance(10_000);
    expect((await ask('t')).status).toBe(200);
  });
});

describe('an account that is left alone', () => {
  it('keeps its models listed, and other lanes go on', async () => {
    anna.answers({ behaviour: 'F4', kind: 'server_error', times: 3 });
    for (let n = 0; n < 3; n += 1) await ask('t');
    expect((await ask('t')).status).toBe(503);
    const path = '/backend-api/codex/models?client_version=0.169.0';
    const list = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${key}` } });
    expect(((await list.json()) as { models: unknown[] }).models.length).toBeGreaterThan(0);
    const other = await askCodex(gateway, key, { thread: 't', model: 'gpt-6.1-sol' });
    await other.text();
    expect(other.status).toBe(200);
  });

  it('for compactions serves conversations as before', async () => {
    const compact = async () => {
      const body = JSON.stringify({ model: 'gpt-5.5', input: [] });
      const answer = await askCodex(gateway, key, { path: '/backend-api/codex/responses/compact', body });
      await answer.text();
      return answer.status;
    };
    const asked = () => gateway.sandbox.requests.filter(({ path }) => path.endsWith('/compact')).length;
    for (let n = 0; n < 3; n += 1) {
      anna.answers({ behaviour: 'service', stage: 'compact', status: 500 });
      expect(await compact()).toBe(500);
    }
    expect([await compact(), asked()]).toEqual([503, 3]);
    expect((await ask('t')).status).toBe(200);
  });
});

describe('requests at fault themselves', () => {
  it('never open a circuit', async () => {
    for (let n = 0; n < 5; n += 1) {
      anna.answers({ behaviour: 'F5', kind: 'context_length_exceeded' });
      expect((await ask('t')).status).toBe(400);
      anna.answers({ behaviour: 'F4', kind: 'server_is_overloaded' });
      expect((await ask('t')).status).toBe(503);
    }
    expect((await ask('t')).status).toBe(200);
  });
});

describe('a second account', () => {
  it('serves a conversation whose own account failed, until that is no longer demoted', async () => {
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    const thread = 'a conversation';
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    expect((await ask(thread)).status).toBe(200);
    const [own, other] = (await arrived).account === 'anna' ? [anna, ben] : [ben, anna];
    own.answers({ behaviour: 'F4', kind: 'server_error' });
    expect(typesOf((await ask(thread)).text).at(-1)).toBe('response.completed');
    const before = own.counters.requests;
    await ask(thread);
    expect(own.counters.requests).toBe(before);
    expect(other.counters.requests).toBeGreaterThan(0);
  });

  it('serves the model that the plan of the first lacks, and the first goes on with other models', async () => {
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    const thread = 'a conversation';
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    await ask(thread);
    const own = (await arrived).account === 'anna' ? anna : ben;
    own.answers({ behaviour: 'F3', kind: 'usage_not_included' });
    expect((await ask(thread)).status).toBe(200);
    const before = own.counters.requests;
    for (let n = 0; n < 6; n += 1) expect((await ask(`thread ${n}`)).status).toBe(200);
    expect(own.counters.requests).toBe(before);
    gateway.clock.advance(30 * 60_000);
    for (let n = 0; n < 12; n += 1) await ask(`later ${n}`);
    expect(own.counters.requests).toBeGreaterThan(before);
  });
});

describe('a machine without a network', () => {
  it('opens no circuit, tells every client at once to ask again in seconds, and calls only now and then', async () => {
    const alone = await gatewayUnderTest({ env: { CODEX_POOLER_UPSTREAM_URL: 'http://127.0.0.1:9' } });
    await alone.link('anna');
    const secret = await alone.key();
    const answers: (string | null)[] = [];
    for (let n = 0; n < 8; n += 1) {
      const answer = await askCodex(alone, secret, { thread: 't' });
      await answer.text();
      expect([502, 503]).toContain(answer.status);
      answers.push(answer.headers.get('retry-after'));
      if (n % 2 === 1) alone.clock.advance(3_000);
    }
    expect(answers.filter((wait) => wait !== null && Number(wait) <= 3)).toHaveLength(8);
    expect(alone.log.filter(({ event }) => event === 'network_down')).toHaveLength(1);
    expect(alone.log.filter(({ event }) => event === 'circuit_changed')).toEqual([]);
    expect(alone.log.filter(({ event }) => event === 'attempt_failed').length).toBeLessThan(8);
    await alone.stop();
  });
});
