/** Who gets a websocket of `/v1/responses`, and what the answer to a handshake says. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { completed, publicPath, publicTurn } from '../support/public-turns.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import { handshakeRefusal, openSocket, type SocketOptions } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const offersV1 = (v1Compatibility: boolean) =>
  bench.gateway.call(routing.change, { pool: 'default', changes: { v1Compatibility } });

describe('a handshake', () => {
  const refusalOf = (key: string | null, options: SocketOptions = {}) =>
    handshakeRefusal(bench.gateway, key, { path: publicPath, ...options });
  const errorOf = ({ body }: { body: string }) => JSON.parse(body) as { error: unknown };

  it('is answered with a name for the turns, the client’s own where it has one, and nothing of accounts', async () => {
    const { client, secret } = await bench.withKey({ path: publicPath });
    expect(client.headers['x-codex-turn-state']).toMatch(/./);
    expect(client.headers['x-request-id']).toMatch(/./);
    expect(Object.keys(client.headers).filter((name) => /models|used-percent|limit/.test(name))).toEqual([]);
    const again = await bench.open(secret, { path: publicPath, headers: { 'x-codex-turn-state': 'mine' } });
    expect(again.headers['x-codex-turn-state']).toBe('mine');
  });

  it('takes the key as x-api-key, with a slash at the end of the path, and however it is spelled', async () => {
    const { secret } = await bench.key();
    for (const options of [{ path: `${publicPath}/` }, { path: '/v1/%72esponses' }]) {
      const client = await bench.open(secret, options);
      expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
    }
    const client = await openSocket(bench.gateway, null, { path: publicPath, headers: { 'x-api-key': secret } });
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
    client.leave();
  });

  it('without a key is refused as any request would be', async () => {
    for (const key of [null, 'sk-cxp-nobody'])
      expect(await refusalOf(key)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(errorOf(await refusalOf(null))).toMatchObject({
      error: { type: 'invalid_request_error', code: 'invalid_api_key', param: null },
    });
  });

  it('is refused with 403 where the Pool has /v1 switched off', async () => {
    const { secret } = await bench.key();
    await offersV1(false);
    const answer = await refusalOf(secret);
    await offersV1(true);
    expect(answer.status).toBe(403);
    expect(errorOf(answer)).toMatchObject({ error: { code: 'v1_compatibility_disabled' } });
  });

  it('for anything else below /v1 is told that it is not supported, after the key', async () => {
    const { secret } = await bench.key();
    expect((await refusalOf(null, { path: '/v1/realtime' })).status).toBe(401);
    for (const other of ['/v1/realtime', '/v1/realtime?model=gpt-5.5', '/v1/chat/completions', '/v1/nowhere']) {
      const answer = await refusalOf(secret, { path: other });
      expect(answer.status).toBe(404);
      expect(errorOf(answer)).toMatchObject({ error: { code: 'unsupported_endpoint' } });
    }
    expect((await refusalOf(secret, { path: '/v1/../admin' })).status).toBe(404);
  });

  it('is refused where websockets are switched off, or too many are open', async () => {
    const { secret } = await bench.withKey({ path: publicPath });
    await bench.gateway.change({ 'gateway.websockets_enabled': false });
    expect((await refusalOf(secret)).status).toBe(426);
    await bench.gateway.change({ 'gateway.websockets_enabled': true, 'gateway.max_websockets': 1 });
    expect(errorOf(await refusalOf(secret))).toMatchObject({ error: { code: 'server_is_overloaded' } });
    await bench.gateway.change({ 'gateway.max_websockets': 1000 });
  });

  it('packs large frames where the client offers it, and small ones never', async () => {
    const { secret } = await bench.key();
    const packed = await bench.open(secret, { path: publicPath });
    const plain = await bench.open(secret, { path: publicPath, offersPacking: false });
    expect(packed.headers['sec-websocket-extensions']).toMatch(/^permessage-deflate; server_no_context_takeover/);
    expect(plain.headers['sec-websocket-extensions']).toBeUndefined();
    const text = 'word '.repeat(20_000);
    bench.anna.answers(text).thenAnswers(text);
    expect((await publicTurn(packed, { input: text })).at(-1)).toMatchObject(completed);
    expect((await publicTurn(plain, { input: text })).at(-1)).toMatchObject(completed);
    expect(packed.bytesRead()).toBeLessThan(plain.bytesRead() / 4);
  });
});
