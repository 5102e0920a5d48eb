/**
 * Clients of the OpenAI surface that read more slowly than the provider speaks: the provider is made to wait, so little
 * of the answer lies in memory, and whoever reads nothing at all is taken as gone.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faultsInBooks, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { askTurn, completed, publicPath } from '../support/public-turns.ts';
import { openCodex } from '../support/raw-codex.ts';
import { openSocket } from '../support/socket-client.ts';

const pieces = 2;
/** More than the system buffers for a connection, so that one piece alone cannot be handed over. */
const pieceBytes = 14 * 2 ** 20;
/** Of its pieces none is kept for the end. */
const answer = [
  { type: 'response.created', response: { id: 'resp_long' } },
  ...Array.from({ length: pieces }, (_, index) => ({
    type: 'response.image_generation_call.partial_image',
    item_id: 'ig_1',
    partial_image_index: index,
    partial_image_b64: 'x'.repeat(pieceBytes),
  })),
  {
    type: 'response.completed',
    response: { id: 'resp_long', output: [], usage: { input_tokens: 1, output_tokens: 1 } },
  },
];

let installation: Installation;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
/** A time nobody else waits for, another in each test, so that its timers can be counted. */
let idleMs = 299_900;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open({ settings: { 'gateway.holdback_ms': 60_000 } });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  anna.always({
    behaviour: 'recording',
    sse: answer.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(() => gateway.change({ 'gateway.stream_idle_timeout_ms': (idleMs += 1) }));

interface SlowReader {
  readonly goOn: () => void;
  /** The last event, once it is here. */
  readonly last: () => Promise<unknown>;
  readonly leave: () => void;
}

/** Each asks for the answer and reads nothing. */
const readers = {
  'an HTTP stream': async (): Promise<SlowReader> => {
    const body = JSON.stringify({ model: 'gpt-5.5', input: 'hi', stream: true });
    const call = openCodex(gateway, key, { path: publicPath, pairs: [], body });
    const [response] = (await once(call.request, 'response')) as [IncomingMessage];
    response.pause();
    return {
      goOn: () => void response.resume(),
      last: async () => JSON.parse((await call.answer).body.toString('utf8').trimEnd().split('data: ').at(-1)!),
      leave: call.leave,
    };
  },
  'a websocket': async (): Promise<SlowReader> => {
    const client = await openSocket(gateway, key, { path: publicPath, offersPacking: false });
    client.socket.pause();
    askTurn(client);
    return {
      goOn: () => client.socket.resume(),
      last: async () => (await client.answer()).at(-1),
      leave: client.leave,
    };
  },
} as const;

/** The first piece comes with the first events, so the first to be waited for is the reader. */
const untilStuck = () => installation.clock.timersOf(idleMs, 1);

describe.each(Object.entries(readers))('%s whose client reads nothing', (_name, open) => {
  it('makes the provider wait, and loses its seat in the time that a silent provider has', async () => {
    const known = await requestIds(gateway);
    const reader = await open();
    await untilStuck();
    gateway.clock.advance(idleMs);
    const row = await newRow(gateway, known);
    expect(row).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected', responseStatus: 200 });
    expect(row.responseBytes).toBeLessThan(2 * pieceBytes);
    expect(anna.counters.openStreams).toBe(0);
    reader.leave();
  });

  it('for a while gets everything in the end', async () => {
    const known = await requestIds(gateway);
    const reader = await open();
    await untilStuck();
    reader.goOn();
    expect(await reader.last()).toMatchObject(completed);
    const row = await newRow(gateway, known);
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
    expect(row.responseBytes).toBeGreaterThan(pieces * pieceBytes);
    reader.leave();
  });
});

it('leaves sound books', async () => {
  expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
});
