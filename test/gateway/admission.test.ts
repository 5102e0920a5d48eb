/** Seats and the line before them: who waits, who is told at once, and when a place is free again. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askPublic } from '../support/ask-public.ts';
import { typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { requestIds } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, type RawAnswer, type RawAsk, type RawCall } from '../support/raw-codex.ts';
import { openSocket } from '../support/socket-client.ts';

/** A time nobody else waits for: a timer of it is a request in the line. */
const queueWaitMs = 79_193;
const seats = 3;
const queue = 2;

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let waited = 0;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open({
    settings: {
      'admission.proxy_stream.seats': seats,
      'admission.proxy_stream.queue': queue,
      'admission.proxy_compact.seats': 1,
      'admission.proxy_compact.queue': 1,
      'admission.proxy_http.seats': 1,
      'admission.proxy_http.queue': 1,
      'admission.proxy_stream.wait_ms': queueWaitMs,
      'admission.proxy_websocket.seats': 1,
      'admission.proxy_websocket.queue': 1,
      'admission.proxy_websocket.wait_ms': queueWaitMs,
    },
  });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(() => anna.forgetScript().always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 }));

const isStreaming = (text: string) => text.includes('response.output_item.added');

/** Takes every seat with a stream that pauses in its middle. */
async function fillSeats(): Promise<RawCall[]> {
  const calls = Array.from({ length: seats }, () => openCodex(gateway, key));
  await Promise.all(calls.map((call) => call.until(isStreaming)));
  return calls;
}

/** Sends one more, and resolves when it stands in the line. */
async function standInLine(ask?: RawAsk): Promise<RawCall> {
  const call = openCodex(gateway, key, ask);
  await installation.clock.timersOf(queueWaitMs, (waited += 1));
  return call;
}

/** Every stream that pauses goes on to its end. */
async function finishStreams(calls: readonly RawCall[]): Promise<void> {
  for (const call of calls) await call.until(isStreaming);
  await untilPaused(calls.length);
  providerClock.advance(1_000);
  for (const call of calls)
    expect(typesOf((await call.answer).body.toString('utf8')).at(-1)).toBe('response.completed');
}

/** Leaves in the middle of a stream, and waits until the provider has noticed. */
async function leave(call: RawCall | undefined): Promise<void> {
  const ended = installation.sandbox.nextStreamEnd({ outcome: 'left' });
  call?.leave();
  await ended;
}

/** The provider has begun this many streams and pauses in each. */
async function untilPaused(count: number): Promise<void> {
  expect(anna.counters.openStreams).toBe(count);
  await providerClock.untilWaiting();
}

function expectOverload(answer: RawAnswer): void {
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(JSON.parse(answer.body.toString('utf8'))).toMatchObject({ error: { code: 'server_is_overloaded' } });
}

describe('streams beyond the seats', () => {
  it('wait in line, and those beyond the line are told at once and leave no row', async () => {
    const running = await fillSeats();
    const waiting = [await standInLine(), await standInLine()];
    const known = await requestIds(gateway);
    const asked = installation.sandbox.requests.length;
    for (let beyond = 0; beyond < 3; beyond += 1) expectOverload(await openCodex(gateway, key).answer);
    expect(await requestIds(gateway)).toEqual(known);
    expect(installation.sandbox.requests.length).toBe(asked);
    expect(known.size).toBe(seats);
    await finishStreams(running);
    await finishStreams(waiting);
  });

  it('are served in the order they came', async () => {
    const running = await fillSeats();
    const early = await standInLine({ thread: 'early' });
    const late = await standInLine({ thread: 'late' });
    const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    await leave(running[0]);
    expect((await arrived).header('thread-id')).toBe('early');
    await early.until(isStreaming);
    expect(late.received()).toHaveLength(0);
    await leave(running[1]);
    await late.until(isStreaming);
    const rest = [running[2], early, late].filter((call) => call !== undefined);
    await finishStreams(rest);
  });

  it('that wait too long are told so, as if the line had been full', async () => {
    const running = await fillSeats();
    const before = await requestIds(gateway);
    const waiting = [await standInLine(), await standInLine()];
    gateway.clock.advance(queueWaitMs);
    for (const call of waiting) expectOverload(await call.answer);
    expect(await requestIds(gateway)).toEqual(before);
    await finishStreams(running);
  });

  it('find a place when one in the line has left', async () => {
    const running = await fillSeats();
    const [leaver, stayer] = [await standInLine(), await standInLine()];
    expectOverload(await openCodex(gateway, key).answer);
    const answered = gateway.log.filter(({ event }) => event === 'request').length;
    leaver.leave();
    await gateway.logged('request', answered + 1);
    const newcomer = await standInLine();
    await finishStreams(running);
    await finishStreams([stayer, newcomer]);
  });

  it('find a seat as soon as settings give more of them', async () => {
    const running = await fillSeats();
    await gateway.change({ 'admission.proxy_stream.seats': seats + 1 });
    const another = openCodex(gateway, key);
    await another.until(isStreaming);
    await finishStreams([...running, another]);
    await gateway.change({ 'admission.proxy_stream.seats': seats });
  });
});

describe('an overload', () => {
  it.each([
    ['/v1/responses', { model: 'gpt-5.5', input: 'hi', stream: true }],
    ['/v1/responses', { model: 'gpt-5.5', input: 'hi' }],
    ['/v1/chat/completions', { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] }],
  ])('is told on %s with %j in the words of that surface, with a wait', async (path, body) => {
    const running = await fillSeats();
    const waiting = [await standInLine(), await standInLine()];
    const refused = await askPublic(gateway, { path, key, body });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(refused.json()).toEqual({
      error: { message: expect.any(String) as string, type: 'server_error', code: 'server_is_overloaded', param: null },
    });
    await finishStreams(running);
    await finishStreams(waiting);
  });

  it('is told over a websocket as a frame, which leaves the socket open for the next turn', async () => {
    const [running, waiting, refused] = await Promise.all(
      ['a', 'b', 'c'].map((thread) => openSocket(gateway, key, { thread })),
    );
    running!.turn();
    await running!.until('response.output_item.added');
    waiting!.turn();
    await installation.clock.timersOf(queueWaitMs, (waited += 1));
    refused!.turn();
    expect(await refused!.next()).toMatchObject({
      type: 'error',
      status: 503,
      error: { code: 'server_is_overloaded', type: 'server_error' },
      headers: { 'retry-after': '1' },
    });
    anna.forgetScript();
    providerClock.advance(1_000);
    await Promise.all([running!.answer(), waiting!.answer()]);
    refused!.turn();
    expect((await refused!.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    for (const client of [running, waiting, refused]) client!.leave();
  });
});

describe('a seat', () => {
  it('is held until the last byte of a stream, however long its client takes to read', async () => {
    anna.forgetScript().always({ behaviour: 'N12', deltas: 200, bytes: 100_000 });
    const readers = Array.from({ length: seats }, () => openCodex(gateway, key));
    for (const call of readers) {
      await call.until(isStreaming);
      call.stopReading();
    }
    anna.forgetScript();
    // The provider may be through with some; the seats are still taken.
    const waiting = await standInLine();
    expect(waiting.received()).toHaveLength(0);
    readers[0]?.leave();
    expect(typesOf((await waiting.answer).body.toString('utf8')).at(-1)).toBe('response.completed');
    for (const call of readers) call.leave();
  });

  for (const [name, script] of [
    ['was refused by the provider', { behaviour: 'F5', kind: 'invalid_prompt' }],
    ['broke in its middle', { behaviour: 'F9', at: 'item_done', how: 'reset' }],
    ['found no account', { behaviour: 'F2', kind: 'challenge' }],
  ] as const) {
    it(`is free again after a request that ${name}`, async () => {
      for (let round = 0; round < seats + queue + 1; round += 1) {
        anna.answers(script);
        await openCodex(gateway, key).answer;
        gateway.clock.advance(60_000);
      }
      // The account failed often enough to be left alone; one request shows that it is well again.
      await finishStreams([openCodex(gateway, key)]);
      await finishStreams(await fillSeats());
    });
  }

  it('is not taken by a request without a key, with a broken body or with a model its key may not use', async () => {
    const running = await fillSeats();
    const narrow = await gateway.key({ allowedModels: ['gpt-6-luna'], name: 'narrow' });
    expect((await openCodex(gateway, 'sk-cxp-nobody').answer).status).toBe(401);
    expect((await openCodex(gateway, key, { body: '{"model":' }).answer).status).toBe(400);
    expect((await openCodex(gateway, narrow).answer).status).toBe(400);
    await finishStreams(running);
  });
});

describe('the lanes', () => {
  it('of streams, plain requests and compactions are apart', async () => {
    const running = await fillSeats();
    const waiting = [await standInLine(), await standInLine()];
    expectOverload(await openCodex(gateway, key).answer);
    const compact = await openCodex(gateway, key, {
      path: '/backend-api/codex/responses/compact',
      body: '{"model":"gpt-5.5","input":[],"instructions":"","tools":[]}',
    }).answer;
    expect(compact.status).toBe(200);
    // Refused by the provider, which only streams: it was asked, and that is the point.
    const plain = await openCodex(gateway, key, {
      body: '{"model":"gpt-5.5","store":false,"input":[],"tools":[]}',
    }).answer;
    expect(plain.status).toBe(400);
    await finishStreams(running);
    await finishStreams(waiting);
  });
});
