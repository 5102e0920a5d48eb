/** Messages as a client may send them: their kinds and sizes. `websocket-frames.test.ts` has their pieces. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codexBody } from '../support/codex-request.ts';
import { faultsAfterAll, soundBooks } from '../support/ledger.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

describe('a message', () => {
  it('that is binary closes the socket with 1003', async () => {
    const { client } = await bench.withKey();
    client.send(Buffer.from('{"type":"response.create"}'), { binary: true });
    expect(await client.closed).toEqual({ code: 1003, reason: 'binary_frame' });
  });

  it('as large as a request may be is served, and one byte more closes it with 1009', async () => {
    await bench.gateway.change({ 'gateway.max_responses_body_bytes': 16_384 });
    const { client } = await bench.withKey();
    const frame = (text: string) => `{"type":"response.create",${codexBody({ text }).slice(1)}`;
    const filled = (bytes: number) => frame('x'.repeat(bytes - frame('').length));
    client.send(filled(16_384));
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    client.send(filled(16_385));
    expect((await client.closed).code).toBe(1009);
    await bench.gateway.change({ 'gateway.max_responses_body_bytes': 128 * 2 ** 20 });
    const { client: next } = await bench.withKey();
    next.turn();
    expect((await next.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it.each([
    [2 ** 24 - 1, 'frame'],
    [2 ** 24, 'http'],
    [2 ** 24 + 1, 'http'],
  ])('of %i bytes is served, and reaches the provider as %s', async (bytes, kind) => {
    const { client } = await bench.withKey();
    const frame = (text: string) => `{"type":"response.create",${codexBody({ text, thread: `big-${bytes}` }).slice(1)}`;
    const text = frame('x'.repeat(bytes - frame('').length));
    expect(Buffer.byteLength(text)).toBe(bytes);
    client.send(text);
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    const asked = bench.gateway.sandbox.requests.filter(
      (each) => each.kind !== 'handshake' && each.path.endsWith('/responses'),
    );
    expect(asked.at(-1)?.kind).toBe(kind);
  });
});

it('leaves sound books', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
