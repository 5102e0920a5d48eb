/** A silent provider and a client that must not give up: keep-alive events, where they stand and when they do not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventsOf, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { newRow, requestIds, settledRow } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf, type RawCall } from '../support/raw-codex.ts';

/** The provider has a clock of its own, so that each side is moved by itself. */
const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(() => anna.forgetScript());

const ours = 'event: keepalive\ndata: {"type":"keepalive"}\n\n';
const count = (text: string, part: string) => text.split(part).length - 1;
const tenMinutes = 600_000;

/** Lets the provider go on to its next pause. */
async function providerGoesOn(ms: number): Promise<void> {
  await providerClock.untilWaiting();
  providerClock.advance(ms);
}

async function finish(call: RawCall, ms: number): Promise<string> {
  await providerGoesOn(ms);
  return (await call.answer).body.toString('utf8');
}

describe('ten minutes in which the provider', () => {
  it('sends comments only are bridged with an event every fifteen seconds', async () => {
    anna.answers({ behaviour: 'N12', silenceMs: tenMinutes, silence: 'comment', silenceStepMs: 10_000 });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.created'));
    for (let passed = 5_000; passed <= tenMinutes; passed += 5_000) {
      gateway.clock.advance(5_000);
      if (passed % 10_000 > 0) continue;
      await providerGoesOn(10_000);
      // The comments are passed on, but nobody counts them as life.
      await call.until((text) => count(text, ': keep-alive\n\n') === passed / 10_000);
    }
    const { body } = await call.answer;
    const text = body.toString('utf8');
    expect(count(text, ours)).toBe(40);
    expect(typesOf(text).filter((type) => type !== 'keepalive')).toEqual([
      'response.created',
      'response.output_item.added',
      'response.output_text.delta',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  it('sends keep-alives of its own are left to them', async () => {
    anna.answers({ behaviour: 'N12', silenceMs: tenMinutes, silence: 'keepalive', silenceStepMs: 10_000 });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.created'));
    for (let sent = 1; sent <= 60; sent += 1) {
      gateway.clock.advance(10_000);
      await providerGoesOn(10_000);
      await call.until((text) => count(text, '"type":"keepalive"') === sent);
    }
    const text = (await call.answer).body.toString('utf8');
    expect(count(text, ours)).toBe(0);
    expect(typesOf(text).at(-1)).toBe('response.completed');
  });

  it('sends nothing at all end after five with a cut stream, because the provider is taken for lost', async () => {
    anna.answers({ behaviour: 'N12', silenceMs: tenMinutes, silence: 'nothing', silenceStepMs: tenMinutes });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.created'));
    for (let passed = 0; passed < 300_000; passed += 15_000) gateway.clock.advance(15_000);
    const answer = await call.answer;
    expect((await ended).outcome).toBe('left');
    const text = answer.body.toString('utf8');
    expect(new Set(typesOf(text))).toEqual(new Set(['response.created', 'keepalive']));
    expect(count(text, ours)).toBeGreaterThanOrEqual(19);
    expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
      status: 'failed',
      errorCode: 'stream_idle_timeout',
      usageStatus: 'usage_unknown',
    });
  });
});

describe('a keep-alive', () => {
  it('never stands inside a block whose second half is late', async () => {
    // Half of a delta, cut inside a character, then silence.
    anna.answers({ behaviour: 'F10', kind: 'utf8_split' });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    await providerClock.untilWaiting();
    for (let sent = 1; sent <= 5; sent += 1) {
      gateway.clock.advance(15_000);
      await call.until((text) => count(text, ours) === sent);
    }
    await providerGoesOn(20);
    await call.until((received) => received.includes('event: response.output_text.delta'));
    // The finished item is cut at the same place.
    const text = await finish(call, 20);
    expect(text.indexOf(ours)).toBeGreaterThan(text.indexOf('response.output_item.added'));
    expect(text.lastIndexOf(ours)).toBeLessThan(text.indexOf('event: response.output_text.delta'));
    expect(eventsOf(text).find(({ type }) => type === 'response.output_text.delta')).toMatchObject({
      delta: 'Hello 😀',
    });
    expect(text.replaceAll(ours, '').split('\n\n').filter(Boolean)).toHaveLength(5);
    expect(typesOf(text).at(-1)).toBe('response.completed');
  });

  it('waits its whole time again after every event', async () => {
    anna.answers({ behaviour: 'N12', deltas: 6, everyMs: 1_000 });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    for (let delta = 1; delta <= 6; delta += 1) {
      gateway.clock.advance(14_000);
      await providerGoesOn(1_000);
      await call.until((text) => count(text, 'event: response.output_text.delta') === delta);
    }
    expect(count((await call.answer).body.toString('utf8'), ours)).toBe(0);
  });

  it('is not sent when it is turned off', async () => {
    await gateway.change({ 'gateway.keepalive_ms': 0 });
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    for (let passed = 0; passed < 4; passed += 1) gateway.clock.advance(60_000);
    expect(count(await finish(call, 1_000), 'keepalive')).toBe(0);
    await gateway.change({ 'gateway.keepalive_ms': 15_000 });
  });

  it('is no usage, no terminal and no reason to commit: the books show the answer alone', async () => {
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    gateway.clock.advance(15_000);
    await call.until((text) => text.includes(ours));
    await providerGoesOn(1_000);
    const answer = await call.answer;
    const row = await settledRow(gateway, requestIdOf(answer));
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
    expect(row.responseBytes).toBe(answer.body.length - ours.length);
  });
});

it.each([
  ['ends', { behaviour: 'N1' }],
  ['breaks off', { behaviour: 'F9', at: 'item_done', how: 'reset' }],
  ['is left by its client', { behaviour: 'N12', deltas: 1, everyMs: 1_000 }],
] as const)('an answer that %s leaves nothing that waits for a time', async (how, behaviour) => {
  const lengths = { 'gateway.keepalive_ms': 14_983, 'gateway.stream_idle_timeout_ms': 299_977 };
  await gateway.change({ ...lengths, 'gateway.precommit_timeout_ms': 89_983 });
  anna.answers(behaviour);
  const known = await requestIds(gateway);
  const call = openCodex(gateway, key);
  await call.until((text) => text.includes('response.output_item.added'));
  if (how === 'is left by its client') call.leave();
  await newRow(gateway, known);
  expect([14_983, 299_977, 89_983].map((ms) => installation.clock.waitingOf(ms))).toEqual([0, 0, 0]);
  gateway.clock.advance(60_000);
});

it('answers are plain and unbuffered, whatever the client accepts', async () => {
  const { headers, body } = await openCodex(gateway, key, { headers: { 'accept-encoding': 'gzip, br, zstd' } }).answer;
  expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  expect(headers['content-encoding']).toBeUndefined();
  expect(typesOf(body.toString('utf8')).at(-1)).toBe('response.completed');
});

it('the status line does not wait for the first meaningful event', async () => {
  anna.answers({ behaviour: 'F8', at: 'created' });
  const call = openCodex(gateway, key);
  expect(await call.status).toBe(200);
  call.leave();
});
