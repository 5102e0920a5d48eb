import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  closeCode,
  create,
  framesOf,
  openBench,
  refusedStatus,
  typesOf,
  userMessage,
  type Bench,
} from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

async function openSocket() {
  const socket = bench.openSocket();
  const frames = framesOf(socket);
  await once(socket, 'open');
  return { socket, frames };
}

const idOf = (frame: Record<string, unknown> | undefined) => (frame?.['response'] as { id: string } | undefined)?.id;

describe('a normal run', () => {
  it('prewarms for nothing, runs a tool on the same socket and continues from it', async () => {
    const { socket, frames } = await openSocket();
    socket.send(create({ generate: false, input: [] }));
    const warm = await frames.answer();
    expect(typesOf(warm)).toEqual(['response.created', 'response.completed']);
    expect(bench.account.counters).toMatchObject({ prewarms: 1, requests: 0, usedTokens: 0 });

    socket.send(create({ previous_response_id: idOf(warm.at(-1)), input: [userMessage('use-a-tool')] }));
    const called = await frames.answer();
    expect(typesOf(called).slice(0, 3)).toEqual(['codex.rate_limits', 'response.metadata', 'response.created']);
    const item = called.find((frame) => frame['type'] === 'response.output_item.done')?.['item'];
    expect(item).toMatchObject({ type: 'function_call' });

    const output = { type: 'function_call_output', call_id: 'call_sandbox_1', output: 'sandbox' };
    socket.send(create({ previous_response_id: idOf(called.at(-1)), input: [output] }));
    expect(JSON.stringify(await frames.answer())).toContain('Hello from the sandbox.');
    expect(bench.account.counters).toMatchObject({ requests: 2, usedTokens: 214 });
    expect(bench.sandbox.requests.map(({ kind, socket: number }) => `${kind} ${number}`)).toEqual([
      'handshake 1',
      'frame 1',
      'frame 1',
      'frame 1',
    ]);
  });

  it('refuses to continue what another socket began', async () => {
    const first = await openSocket();
    first.socket.send(create());
    const id = idOf((await first.frames.answer()).at(-1));
    const second = await openSocket();
    second.socket.send(create({ previous_response_id: id }));
    expect(await second.frames.answer()).toMatchObject([
      { type: 'error', status: 400, error: { code: 'previous_response_not_found' } },
    ]);
  });

  it('runs one response at a time', async () => {
    bench.account.answers({ behaviour: 'F8' });
    const { socket, frames } = await openSocket();
    socket.send(create());
    while ((await frames.next())['type'] !== 'response.created');
    socket.send(create());
    expect(await frames.next()).toMatchObject({ type: 'error', status: 400, error: { code: 'response_in_progress' } });
  });

  it('turns a refusal into an error frame with the limits', async () => {
    bench.account.fails(429);
    const { socket, frames } = await openSocket();
    socket.send(create());
    expect(await frames.next()).toMatchObject({
      type: 'error',
      status: 429,
      error: { type: 'usage_limit_reached' },
      headers: { 'x-codex-primary-used-percent': '100' },
    });
  });

  it('is as strict as HTTP', async () => {
    const { socket, frames } = await openSocket();
    socket.send(create({ store: true }));
    expect(await frames.next()).toMatchObject({ status: 400, error: { message: 'Store must be set to false' } });
    socket.send('no JSON');
    expect(await frames.next()).toMatchObject({ type: 'error', status: 400 });
  });
});

describe('handshakes', () => {
  it.each([400, 401, 403, 404, 413, 426, 429, 500, 503, 200])('are refused with %i', async (status) => {
    bench.account.answers({ behaviour: 'W1', status });
    expect(await refusedStatus(bench.openSocket())).toBe(status);
  });

  it('are refused for a dead token or a missing beta header', async () => {
    expect(await refusedStatus(bench.openSocket({ 'openai-beta': 'other' }))).toBe(400);
    bench.account.expireAccessTokens();
    expect(await refusedStatus(bench.openSocket())).toBe(401);
  });

  it('can be left unanswered', async () => {
    bench.account.answers({ behaviour: 'W1', hang: true });
    const socket = bench.openSocket();
    await bench.sandbox.nextRequest({ kind: 'handshake' });
    expect(socket.readyState).toBe(socket.CONNECTING);
    socket.on('error', () => {});
    socket.terminate();
  });
});

describe('endings', () => {
  it.each([1000, 1001, 1008, 1009, 1011, 1012, 1013, 4000])('closes after opening with %i', async (how) => {
    bench.account.answers({ behaviour: 'W2', at: 'open', how });
    expect(await closeCode(bench.openSocket())).toBe(how);
  });

  it.each(['mid_answer', 'item_done', 'after_turn'] as const)('kills the connection: %s', async (at) => {
    bench.account.answers({ behaviour: 'W2', at, how: 'reset' });
    const { socket } = await openSocket();
    socket.on('error', () => {});
    socket.send(create());
    expect(await closeCode(socket)).toBe(1006);
  });

  it('ends a socket after its prewarm', async () => {
    bench.account.answers({ behaviour: 'W2', at: 'prewarm', how: 1012 });
    const { socket } = await openSocket();
    socket.send(create({ generate: false, input: [] }));
    expect(await closeCode(socket)).toBe(1012);
  });

  it('tells a socket to go when its life is over', async () => {
    const { socket, frames } = await openSocket();
    const closed = closeCode(socket);
    bench.clock.advance(3_600_000);
    expect(await frames.next()).toMatchObject({ error: { code: 'websocket_connection_limit_reached' } });
    expect(await closed).toBe(1001);
  });

  it('closes with 1009 when a message is too large', async () => {
    const { socket } = await openSocket();
    socket.send('x'.repeat(16 * 1024 * 1024 + 1));
    expect(await closeCode(socket)).toBe(1009);
  });
});

describe('odd frames', () => {
  it.each([
    ['status', { status: 503 }],
    ['status_code', { status_code: 503 }],
    ['inner', { error: { status: 503 } }],
  ] as const)('names the status of an error frame in %s', async (statusField, shape) => {
    bench.account.answers({ behaviour: 'W3', status: 503, statusField, type: 'server_is_overloaded' });
    const { socket, frames } = await openSocket();
    socket.send(create());
    expect(await frames.next()).toMatchObject({ type: 'error', ...shape });
  });

  it('sends fragments and compressed messages that read like any other', async () => {
    bench.account.answers({ behaviour: 'W6', kind: 'compressed' }).answers({ behaviour: 'W6', kind: 'fragmented' });
    const { socket, frames } = await openSocket();
    expect(socket.extensions).toContain('permessage-deflate');
    socket.send(create());
    expect(JSON.stringify(await frames.answer())).toContain('Hello in odd frames.');
  });

  it('sends binary frames', async () => {
    bench.account.answers({ behaviour: 'W6', kind: 'binary' });
    const socket = bench.openSocket();
    await once(socket, 'open');
    const binary = new Promise((resolve) => socket.on('message', (_content, isBinary) => isBinary && resolve(true)));
    socket.send(create());
    expect(await binary).toBe(true);
  });

  it('fails or ignores prewarms', async () => {
    bench.account
      .answers({ behaviour: 'W6', kind: 'prewarm_failed' })
      .answers({ behaviour: 'W6', kind: 'prewarm_ignored' });
    const failing = await openSocket();
    failing.socket.send(create({ generate: false, input: [] }));
    expect(await failing.frames.next()).toMatchObject({ type: 'error', status: 500 });
    const silent = await openSocket();
    silent.socket.send(create({ generate: false, input: [] }));
    silent.socket.send(create());
    expect((await silent.frames.answer()).length).toBeGreaterThan(2);
    expect(bench.account.counters).toMatchObject({ requests: 1 });
  });
});
