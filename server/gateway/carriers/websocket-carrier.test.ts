import { describe, expect, it } from 'vitest';
import { makeExchange } from '../../../test/support/exchange.ts';
import { slowSocket } from '../../../test/support/slow-socket.ts';
import { handFedAnswer, sse } from '../../../test/support/streams.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import { ClientLeft } from '../running-exchanges.ts';
import { createUpstreamStream } from '../stream/upstream-stream.ts';
import { createWebsocketCarrier } from './websocket-carrier.ts';

const created = { type: 'response.created', response: { id: 'r1' } };
const delta = (length: number) => ({ type: 'response.output_text.delta', delta: 'x'.repeat(length) });
const completed = { type: 'response.completed', response: { id: 'r1' } };

async function carrying() {
  const clock = createMovableClock(systemClock);
  const controller = new AbortController();
  const exchange = makeExchange({ signal: controller.signal });
  const client = slowSocket();
  const keepAlive = { rest: () => undefined, stop: () => undefined };
  const carrier = createWebsocketCarrier({ socket: client.socket, exchange, clock, keepAlive });
  const provider = handFedAnswer();
  const nothing = () => undefined;
  const stream = createUpstreamStream({
    answer: provider,
    clock,
    holdMs: 0,
    idleMs: exchange.settings['gateway.stream_idle_timeout_ms'],
    onRateLimits: nothing,
    onCompaction: nothing,
    onSealed: nothing,
    onTurnState: nothing,
    onAnswered: nothing,
  });
  provider.send(Buffer.concat([created, delta(1)].map(sse)));
  await stream.open();
  const sending = carrier.send({ kind: 'stream', status: 200, headers: {}, stream, isContinuable: false });
  sending.catch(nothing);
  return { clock, controller, exchange, carrier, provider, sending, ...client };
}

const turnsOfTheLoop = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};

describe('a reader that is slow', () => {
  it('makes the provider wait, so that little is held for it, and gets everything in the end', async () => {
    const { provider, sending, carrier, socket, take, types } = await carrying();
    for (let piece = 0; piece < 20; piece += 1) provider.send(sse(delta(100_000)));
    provider.send(sse(completed));
    await turnsOfTheLoop(50);
    expect(socket.bufferedBytes).toBeLessThan(400_000);
    const taking = (async () => {
      while (types().at(-1) !== 'response.completed') {
        take();
        await turnsOfTheLoop(1);
      }
      take();
    })();
    await taking;
    await sending;
    const ending = carrier.end();
    take();
    await ending;
    expect(types()).toHaveLength(23);
  });

  it('that takes nothing for as long as a provider may be silent is taken as gone', async () => {
    const { provider, socket, clock, exchange, sending, carrier } = await carrying();
    for (let piece = 0; piece < 5; piece += 1) provider.send(sse(delta(100_000)));
    await turnsOfTheLoop(50);
    clock.advance(exchange.settings['gateway.stream_idle_timeout_ms']);
    await turnsOfTheLoop(5);
    expect(socket.isTerminated).toBe(true);
    provider.breakOff();
    await expect(sending).rejects.toMatchObject({ kind: 'reset' });
    await carrier.end();
  });
});

describe('an answer that breaks', () => {
  it('is told with one frame that makes the client ask again', async () => {
    const { provider, sending, carrier, take, types, frames } = await carrying();
    provider.breakOff();
    await expect(sending).rejects.toMatchObject({ kind: 'reset' });
    const ending = carrier.end();
    take();
    await ending;
    expect(types()).toEqual(['response.created', 'response.output_text.delta', 'error']);
    expect(JSON.parse(frames.at(-1)!.toString())).toMatchObject({
      status: 502,
      error: { code: 'upstream_stream_error' },
    });
  });

  it('after its end is complete', async () => {
    const { provider, sending, carrier, take, types } = await carrying();
    provider.send(sse(completed));
    provider.breakOff();
    await sending;
    const ending = carrier.end();
    take();
    await ending;
    expect(types().at(-1)).toBe('response.completed');
  });

  it.each([
    ['the gateway stops', new GatewayError('gateway_stopping'), 'gateway_stopping'],
    ['the client left', new ClientLeft(), 'upstream_stream_error'],
  ])('because %s waits for its reader a moment only', async (_name, reason, code) => {
    const { controller, provider, sending, carrier, socket, clock, frames } = await carrying();
    controller.abort(reason);
    provider.send(sse(delta(1)));
    await expect(sending).rejects.toBe(reason);
    const ending = carrier.end();
    expect(JSON.parse(frames.at(-1)!.toString())).toMatchObject({ error: { code } });
    clock.advance(1_000);
    await ending;
    expect(socket.isTerminated).toBe(true);
  });
});

it('an answer is over with its last event, though the provider leaves its connection open', async () => {
  const { provider, sending } = await carrying();
  let isOver = false;
  void sending.then(() => (isOver = true));
  provider.send(sse(completed));
  await turnsOfTheLoop(20);
  expect(isOver).toBe(true);
  // It may send its last word yet.
  expect(provider.isCancelled).toBe(false);
});

it('nothing is sent behind the event that ends an answer', async () => {
  const { provider, sending, types, carrier, take } = await carrying();
  provider.send(Buffer.concat([completed, delta(1), { type: 'error', message: 'late' }].map(sse)));
  provider.end();
  await sending;
  const ending = carrier.end();
  take();
  await ending;
  expect(types().at(-1)).toBe('response.completed');
});
