/** Which turns are too long for a websocket to the provider, and what becomes of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bodyOfFrameLength,
  idleMs,
  textOf,
  upstreamBench,
  type UpstreamBench,
} from '../../test/support/upstream-bench.ts';
import type { Websocket, WebsocketListener } from '../world/world.ts';
import { createCodexSockets, maxFrameBytes } from './codex-sockets.ts';

let bench: UpstreamBench;
beforeEach(async () => {
  bench = await upstreamBench();
});
afterEach(() => bench.stop());

describe('the length of a frame', () => {
  it.each([
    [maxFrameBytes - 1, true],
    [maxFrameBytes, false],
    [maxFrameBytes + 1, false],
  ])('of %i bytes decides whether it goes over a socket: %s', async (length, isOnSocket) => {
    const read = await bench.sockets.call({ ...bench.ask(), body: bodyOfFrameLength(length) });
    expect(read !== null).toBe(isOnSocket);
    if (!read) return expect(bench.sandbox.requests).toEqual([]);
    expect((await textOf(read)).includes('response.completed')).toBe(true);
    expect(bench.sandbox.requests.find(({ kind }) => kind === 'frame')?.wireBytes).toBe(length);
  });

  it.each(['fresh', 'used'])(
    'that is too much for the provider all the same leads to HTTP, on a %s socket',
    async (kind) => {
      let listener: WebsocketListener | null = null;
      const strict = createCodexSockets({
        clock: bench.clock,
        log: bench.log,
        idleMs: () => idleMs,
        network: {
          async openWebsocket(opening) {
            listener = opening.listener;
            return {
              kind: 'open',
              socket: deafWire((message) => answerOrClose(listener as WebsocketListener, message)),
            };
          },
        },
      });
      if (kind === 'used') expect(await strict.call(bench.ask())).toMatchObject({ status: 200 });
      expect(await strict.call({ ...bench.ask(), body: bodyOfFrameLength(1_000) })).toBeNull();
      strict.stop();
    },
  );

  it('that goes on from an answer sends nothing, because HTTP cannot go on', async () => {
    const first = await bench.answered(bench.ask());
    const body = bodyOfFrameLength(maxFrameBytes, { previous_response_id: first.id });
    expect(await bench.sockets.call({ ...bench.ask(), body })).toMatchObject({ status: 400 });
  });
});

/** A provider that takes no message of a thousand bytes. */
function answerOrClose(listener: WebsocketListener, message: Buffer): void {
  if (message.length >= 1_000) return listener.closed(1009);
  listener.text(Buffer.from('{"type":"response.completed","response":{"id":"r1"}}'));
}

function deafWire(send: (message: Buffer) => void): Websocket {
  const nothing = () => undefined;
  const counts = { unsentBytes: 0, receivedBytes: 0 };
  return {
    headers: new Map(),
    ...counts,
    send,
    ping: nothing,
    pause: nothing,
    resume: nothing,
    close: nothing,
    destroy: nothing,
  };
}
