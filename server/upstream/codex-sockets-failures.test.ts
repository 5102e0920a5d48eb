/** Websockets to the provider that are refused, fail or end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { textOf, upstreamBench, type UpstreamBench } from '../../test/support/upstream-bench.ts';
import { handshakeMs, refusedMs } from './codex-sockets.ts';

let bench: UpstreamBench;
beforeEach(async () => {
  bench = await upstreamBench();
});
afterEach(() => bench.stop());

describe('a refused handshake', () => {
  it.each([401, 403, 429, 500, 503])('with %i is the answer, body and all', async (status) => {
    bench.anna.answers({ behaviour: 'W1', status });
    const answer = await bench.call(bench.ask());
    expect(answer.status).toBe(status);
    expect(JSON.parse(await textOf(answer))).toHaveProperty('error');
  });

  it.each([200, 400, 404, 413, 426])(
    'with %i sends the turn over HTTP, and the next ones for a while',
    async (status) => {
      bench.anna.answers({ behaviour: 'W1', status });
      expect(await bench.sockets.call(bench.ask())).toBeNull();
      expect(await bench.sockets.call(bench.ask())).toBeNull();
      expect(bench.kinds()).toHaveLength(1);
      bench.clock.advance(refusedMs);
      expect((await bench.answered(bench.ask())).status).toBe(200);
    },
  );

  it('that never comes sends the turn over HTTP after a while', async () => {
    bench.anna.answers({ behaviour: 'W1', hang: true });
    const arrived = bench.sandbox.nextRequest({ kind: 'handshake' });
    const called = bench.sockets.call(bench.ask());
    await arrived;
    bench.clock.advance(handshakeMs);
    expect(await called).toBeNull();
  });

  it('whose client leaves meanwhile says nothing of the account: the next turn has its websocket', async () => {
    bench.anna.answers({ behaviour: 'W1', hang: true });
    const arrived = bench.sandbox.nextRequest({ kind: 'handshake' });
    const left = new AbortController();
    const called = bench.sockets.call({ ...bench.ask(), signal: left.signal });
    await arrived;
    left.abort(new Error('left'));
    await expect(called).rejects.toMatchObject({ kind: 'aborted' });
    expect((await bench.answered(bench.ask())).types.at(-1)).toBe('response.completed');
  });

  it('because nobody listens is a fault of the connection', async () => {
    const fault = bench.sockets.call({ ...bench.ask(), url: 'http://127.0.0.1:1/' });
    await expect(fault).rejects.toMatchObject({ kind: 'connect' });
  });
});

describe('an error frame', () => {
  it.each([
    ['status', 429],
    ['status', 401],
    ['status_code', 503],
    ['inner', 402],
  ] as const)('that names its %s is a refusal with it (%i)', async (statusField, status) => {
    bench.anna.answers({
      behaviour: 'W3',
      statusField,
      status,
      type: 'rate_limit_exceeded',
      headers: { 'X-Codex-Primary-Used-Percent': '99' },
    });
    const answer = await bench.call(bench.ask());
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-codex-primary-used-percent')).toBe('99');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(await textOf(answer))).toMatchObject({ error: { type: 'rate_limit_exceeded' } });
  });

  it.each([
    ['usage_limit_reached', 429],
    ['server_is_overloaded', 503],
    ['invalid_request_error', 400],
    ['whatever', 500],
  ])('that names no status has that of its code: %s', async (type, status) => {
    bench.anna.answers({ behaviour: 'W3', statusField: 'none', type });
    expect((await bench.call(bench.ask())).status).toBe(status);
  });

  it('in the middle of an answer fails it, and the next turn has a socket of its own', async () => {
    bench.anna.answers({ behaviour: 'W3', status: 429, type: 'usage_limit_reached', deltas: 2 });
    const read = await bench.answered(bench.ask());
    expect(read.types.at(-1)).toBe('response.failed');
    expect(read.last).toMatchObject({ response: { error: { code: 'usage_limit_reached' } } });
    expect((await bench.answered(bench.ask())).types.at(-1)).toBe('response.completed');
    expect(bench.kinds()).toEqual(['handshake 1', 'frame 1', 'handshake 2', 'frame 2']);
  });
});

describe('a socket that ends', () => {
  it('between turns is replaced unseen', async () => {
    bench.anna.answers({ behaviour: 'W2', at: 'after_turn', how: 1012 });
    const closed = bench.nextLine('upstream_websocket_closed');
    await bench.answered(bench.ask());
    expect((await closed)['reason']).toBe('websocket_closed_1012');
    expect((await bench.answered(bench.ask())).types.at(-1)).toBe('response.completed');
    expect(bench.sockets.counts()).toMatchObject({ open: 1, idle: 1 });
  });

  it('as it is asked again, before any byte, is replaced unseen', async () => {
    await bench.answered(bench.ask());
    bench.anna.answers({ behaviour: 'F9', at: 'headers' });
    const read = await bench.answered(bench.ask());
    expect(read.types.at(-1)).toBe('response.completed');
    expect(bench.kinds()).toEqual(['handshake 1', 'frame 1', 'frame 1', 'handshake 2', 'frame 2']);
  });

  it('as it is asked to go on, before any byte, cannot be replaced: the client sends everything', async () => {
    const first = await bench.answered(bench.ask());
    bench.anna.answers({ behaviour: 'F9', at: 'headers' });
    const answer = await bench.call(bench.ask({ previous_response_id: first.id }));
    expect(answer.status).toBe(400);
    expect(JSON.parse(await textOf(answer))).toMatchObject({ error: { code: 'previous_response_not_found' } });
    expect(bench.kinds()).toHaveLength(3);
  });

  it('twice before any byte is a lost connection', async () => {
    await bench.answered(bench.ask());
    bench.anna.answers({ behaviour: 'F9', at: 'headers' }).answers({ behaviour: 'F9', at: 'headers' });
    await expect(bench.sockets.call(bench.ask())).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it.each([1000, 1001, 1008, 1009, 1011, 1012, 1013, 4000, 'reset'] as const)(
    'in the middle of an answer, with %s, breaks it off',
    async (how) => {
      await bench.answered(bench.ask());
      bench.anna.answers({ behaviour: 'W2', at: 'mid_answer', how });
      const answer = await bench.call(bench.ask());
      const code = how === 'reset' ? 1006 : how;
      await expect(textOf(answer)).rejects.toMatchObject({ kind: 'reset', systemCode: `websocket_closed_${code}` });
      expect(bench.kinds()).toHaveLength(3);
      expect(bench.sockets.counts()).toMatchObject({ open: 0, idle: 0 });
    },
  );

  it('with a binary frame is ended by us', async () => {
    bench.anna.answers({ behaviour: 'W6', kind: 'binary' });
    const answer = await bench.call(bench.ask());
    await expect(textOf(answer)).rejects.toMatchObject({ systemCode: 'websocket_binary_frame' });
  });

  it('because the provider gave it its time is replaced before we ask it again', async () => {
    bench.anna.answers({ behaviour: 'W4', lifeMs: 1_000 });
    const closed = bench.nextLine('upstream_websocket_closed');
    const first = await bench.answered(bench.ask());
    bench.clock.advance(1_000);
    await closed;
    expect(bench.sockets.holds('one', first.id)).toBe(false);
    expect((await bench.answered(bench.ask())).types.at(-1)).toBe('response.completed');
  });
});
