/** What clients of the OpenAI surface are told when the gateway stops, over HTTP and over a websocket, and what is recorded. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, soundBooks } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { askTurn, completed, publicPath } from '../support/public-turns.ts';
import { openSocket } from '../support/socket-client.ts';
import { until } from '../support/until.ts';

/** A time nobody else waits for: a timer of it shows that the stop has begun. */
const drainLimitMs = 49_989;

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let stops = 0;

const open = () => installation.open({ env: { CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: String(drainLimitMs) } });

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  anna.always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  key = await gateway.key();
  await gateway.app.stop();
  stops += 1;
});
afterAll(() => installation.stop());
beforeEach(async () => {
  gateway = await open();
});

const responses = { path: '/v1/responses', body: { model: 'gpt-5.5', input: 'hi' } };
const chat = { path: '/v1/chat/completions', body: { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] } };
const streamed = ({ path, body }: typeof responses | typeof chat) => ({ path, body: { ...body, stream: true } });

/** Asks over HTTP, and waits until the provider is in the middle of its answer. */
async function ask({ path, body }: { path: string; body: object }) {
  const arrived = installation.sandbox.nextRequest({ account: 'anna', path: '/backend-api/codex/responses' });
  const answer = fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await arrived;
  await until(() => anna.counters.openStreams > 0);
  return answer.then(async (response) => ({ response, text: await response.text() }));
}

async function askOverSocket() {
  const client = await openSocket(gateway, key, { path: publicPath });
  askTurn(client);
  await client.until('response.output_item.added');
  return client;
}

/** Begins to stop; resolves when the gateway waits for what runs. */
async function beginStop(): Promise<{ readonly stopped: Promise<void> }> {
  const stopped = gateway.app.stop();
  await installation.clock.timersOf(drainLimitMs, (stops += 1));
  return { stopped };
}

function rows(newest: number) {
  return installation.database.db
    .selectFrom('requests')
    .select(['status', 'errorCode', 'usageStatus'])
    .orderBy('admittedAt', 'desc')
    .limit(newest)
    .execute();
}

const lastData = (text: string) =>
  text
    .trimEnd()
    .split('\n\n')
    .at(-1)
    ?.replace(/^[^]*data: /, '');

describe('a gateway that stops', () => {
  it('lets answers finish: streams, documents and turns, each in its own form', async () => {
    const calls = [ask(streamed(responses)), ask(streamed(chat)), ask(responses)];
    const client = await askOverSocket();
    await until(() => anna.counters.openStreams === 4);
    const { stopped } = await beginStop();
    // Each pauses once, but not all of them may have come as far.
    await until(() => (providerClock.advance(1_000), anna.counters.openStreams === 0));
    const [stream, chunks, document] = await Promise.all(calls);
    expect(JSON.parse(lastData(stream!.text)!)).toMatchObject(completed);
    expect(lastData(chunks!.text)).toBe('[DONE]');
    expect(JSON.parse(document!.text)).toMatchObject({ object: 'response', status: 'completed' });
    expect((await client.answer()).at(-1)).toMatchObject(completed);
    expect((await client.closed).code).toBe(1012);
    await stopped;
    const fine = { status: 'succeeded', errorCode: null, usageStatus: 'usage_known' };
    expect(await rows(4)).toEqual([fine, fine, fine, fine]);
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('tells those it can wait for no longer, each in its own form, and settles them', async () => {
    const calls = [ask(streamed(responses)), ask(streamed(chat)), ask(responses), ask(chat)];
    const client = await askOverSocket();
    await until(() => anna.counters.openStreams === 5);
    const { stopped } = await beginStop();
    gateway.clock.advance(drainLimitMs);
    const [stream, chunks, document, completion] = await Promise.all(calls);
    const error = { type: 'server_error', code: 'server_draining' };
    expect(JSON.parse(lastData(stream!.text)!)).toMatchObject({ type: 'error', code: 'server_draining' });
    expect(JSON.parse(lastData(chunks!.text)!)).toMatchObject({ error });
    for (const { response, text } of [document!, completion!]) {
      expect([response.status, Number(response.headers.get('retry-after'))]).toEqual([503, expect.any(Number)]);
      expect(JSON.parse(text)).toMatchObject({ error });
    }
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'error', status: 503, code: 'server_draining' });
    expect((await client.closed).code).toBe(1012);
    await stopped;
    expect(anna.counters.openStreams).toBe(0);
    const ended = { status: 'failed', errorCode: 'gateway_stopping', usageStatus: 'usage_unknown' };
    expect(await rows(5)).toEqual([ended, ended, ended, ended, ended]);
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });
});
