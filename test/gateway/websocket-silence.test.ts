/** Silence on a client's websocket: of the client, of the line between, and of the provider. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { maxMissedPongs, pingMs } from '../../server/gateway/sockets/client-sessions.ts';
import { codexBody } from '../support/codex-request.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { bytesOfFrame, openRawWebsocket } from '../support/raw-websocket.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import type { SocketClient } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const warmUp = { extra: { generate: false } };

/** Whatever the client has sent so far has arrived. */
async function arrived({ socket }: SocketClient): Promise<void> {
  socket.ping();
  await once(socket, 'pong');
}

async function ask(client: SocketClient): Promise<void> {
  client.turn(warmUp);
  await client.answer();
}

/** Moves the clock over the pings that may go unanswered, to the one that ends the socket. */
function passSilence(): void {
  for (let ping = 0; ping <= maxMissedPongs; ping += 1) bench.gateway.clock.advance(pingMs);
}

describe('a client that says nothing', () => {
  it('is left with 1000 after the idle time, counted from its last turn', async () => {
    const { gateway } = bench;
    const { client } = await bench.withKey();
    const { client: other } = await bench.withKey();
    gateway.clock.advance(1_000_000);
    other.turn(warmUp);
    await other.answer();
    gateway.clock.advance(800_000);
    expect(await client.closed).toEqual({ code: 1000, reason: 'idle' });
    other.turn();
    expect((await other.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it('but answers pings keeps its socket', async () => {
    const { client } = await bench.withKey();
    for (let ping = 0; ping < 2 * maxMissedPongs; ping += 1) {
      const asked = once(client.socket, 'ping');
      bench.gateway.clock.advance(pingMs);
      await asked;
      await arrived(client);
    }
    client.turn(warmUp);
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });
});

describe('a client whose message is long and whose line is slow', () => {
  it('is waited for, though its pongs come only after it', async () => {
    const { gateway } = bench;
    const socket = await openRawWebsocket(gateway, (await bench.key()).secret);
    const payload = `{"type":"response.create",${codexBody({ text: 'x'.repeat(100_000) }).slice(1)}`;
    const bytes = bytesOfFrame({ opcode: 1, payload });
    const pieces = 3 * maxMissedPongs;
    const size = Math.ceil(bytes.length / pieces);
    for (let piece = 0; piece < pieces; piece += 1) {
      socket.write(bytes.subarray(piece * size, (piece + 1) * size));
      // An answer on another connection shows that the server has seen what was written on this one before.
      await (await fetch(`${gateway.url}/healthz`)).text();
      gateway.clock.advance(pingMs);
    }
    const { payload: told } = await socket.next({ passing: [9] });
    expect(told.toString('utf8')).toContain('"type"');
    socket.leave();
  });
});

describe('a connection on which nothing comes back', () => {
  it('is ended, without a goodbye that nobody would hear', async () => {
    const { client } = await bench.withKey({ answersPings: false });
    passSilence();
    expect((await client.closed).code).toBe(1006);
  });

  it.each([
    ['a turn', ask],
    ['a ping', arrived],
  ])('lives on when %s came between, and is asked all the same', async (_what, say) => {
    const { client } = await bench.withKey({ answersPings: false });
    for (let ping = 0; ping < 2 * maxMissedPongs; ping += 1) {
      const asked = once(client.socket, 'ping');
      bench.gateway.clock.advance(pingMs);
      await asked;
      await say(client);
    }
    passSilence();
    expect((await client.closed).code).toBe(1006);
  });

  it('in the middle of an answer ends the call to the provider, and the turn is settled', async () => {
    const { gateway } = bench;
    const { client } = await bench.withKey({ answersPings: false });
    const known = await requestIds(gateway);
    await bench.runTurn(client);
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    passSilence();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    const { client: next } = await bench.withKey();
    next.turn();
    expect((await next.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });
});

describe('a provider that says nothing', () => {
  it('is bridged by keep-alive frames, from the first moment of the turn', async () => {
    const { gateway, anna } = bench;
    const { client } = await bench.withKey();
    anna.answers({ behaviour: 'F8', at: 'start' });
    const asked = gateway.sandbox.nextRequest({ account: 'anna', kind: 'frame' });
    client.turn();
    await asked;
    gateway.clock.advance(15_000);
    expect(await client.next()).toEqual({ type: 'keepalive' });
    gateway.clock.advance(15_000);
    expect(await client.next()).toEqual({ type: 'keepalive' });
  });
});

describe('a turn that was refused', () => {
  it('is followed by no keep-alive', async () => {
    const { client } = await bench.withKey();
    const ended = bench.gateway.log.filter(({ event }) => event === 'turn').length;
    client.turn({ extra: { previous_response_id: 'resp_nobodys' } });
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'error' });
    await bench.gateway.logged('turn', ended + 1);
    bench.gateway.clock.advance(15_000);
    client.turn(warmUp);
    expect((await client.answer()).map(({ type }) => type)).toEqual(['response.created', 'response.completed']);
  });
});

it('leaves sound books', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
