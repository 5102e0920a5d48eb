/** Who gets a websocket, and what the answer to a handshake says. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import { handshakeRefusal, type SocketOptions } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const refusalOf = (key: string | null, options?: SocketOptions) => handshakeRefusal(bench.gateway, key, options);

describe('a handshake is refused', () => {
  it.each<[string, number, string, SocketOptions | undefined]>([
    ['on an unknown path', 404, 'Not Found', { path: '/backend-api/codex/nowhere' }],
    ['on a path for requests', 404, 'Not Found', { path: '/backend-api/codex/responses/compact' }],
    ['under a foreign name', 400, 'host_not_allowed', { headers: { host: 'evil.example' } }],
    ['to a page of another origin', 400, 'origin_not_allowed', { headers: { origin: 'https://evil.example' } }],
  ])('%s with %i', async (_name, status, text, options) => {
    const answer = await refusalOf((await bench.key()).secret, options);
    expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } });
    expect(answer.body).toContain(text);
    expect(() => JSON.parse(answer.body) as unknown).not.toThrow();
  });

  it.each<[string, number, string, (key: string) => Promise<unknown>]>([
    ['is paused', 401, 'api_key_paused', (key) => bench.gateway.call(apiKeys.pause, { key })],
    ['is revoked', 401, 'api_key_revoked', (key) => bench.gateway.call(apiKeys.revoke, { key })],
    ['is deleted', 401, 'api_key_missing', (key) => bench.gateway.call(apiKeys.delete, { key })],
    [
      'may not be used from there',
      400,
      'address_not_allowed',
      (key) => bench.gateway.call(apiKeys.update, { key, policy: { allowedAddresses: ['10.0.0.0/8'] } }),
    ],
  ])('when its key %s', async (_name, status, code, end) => {
    const { name, secret } = await bench.withKey();
    await end(name);
    const answer = await refusalOf(secret);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code } });
  });

  it('without a key, and with no key of this gateway', async () => {
    for (const key of [null, 'sk-cxp-nobody', 'x']) expect(await refusalOf(key)).toMatchObject({ status: 401 });
  });

  it('with 426 where websockets are switched off, so that Codex uses HTTP', async () => {
    await bench.gateway.change({ 'gateway.websockets_enabled': false });
    for (const path of ['/backend-api/codex/responses', '/backend-api/codex/v1/responses']) {
      const answer = await refusalOf(null, { path });
      expect(answer.status).toBe(426);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'websocket_not_offered' } });
    }
    await bench.gateway.change({ 'gateway.websockets_enabled': true });
  });

  it('with 503 when too many are open', async () => {
    const { secret, client } = await bench.withKey();
    await bench.gateway.change({ 'gateway.max_websockets': 1 });
    const answer = await refusalOf(secret);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'server_is_overloaded' } });
    await bench.gateway.change({ 'gateway.max_websockets': 1000 });
    client.leave();
  });
});

describe('a handshake', () => {
  it('is answered with what a client reads of it: turn state, models and limits', async () => {
    const secret = (await bench.key()).secret;
    const models = await fetch(`${bench.gateway.url}/backend-api/codex/models`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    const client = await bench.open(secret, { path: '/backend-api/codex/v1/responses' });
    expect(client.headers).toMatchObject({
      'x-models-etag': models.headers.get('etag'),
      'x-codex-turn-state': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-request-id': expect.any(String),
    });
    // Packing is offered by the client and declined.
    expect(client.headers['sec-websocket-extensions']).toBeUndefined();
    const again = await bench.open(secret, { headers: { 'x-codex-turn-state': 'given' } });
    expect(again.headers['x-codex-turn-state']).toBe('given');
  });

  it('tells the limits of its Pool as headers', async () => {
    const { client, secret } = await bench.withKey();
    client.turn();
    await client.answer();
    const usage = (await (
      await fetch(`${bench.gateway.url}/backend-api/wham/usage`, { headers: { authorization: `Bearer ${secret}` } })
    ).json()) as { rate_limit: { primary_window: { used_percent: number; reset_at: number } } };
    const window = usage.rate_limit.primary_window;
    expect((await bench.open(secret)).headers).toMatchObject({
      'x-codex-primary-used-percent': String(window.used_percent),
      'x-codex-primary-reset-at': String(window.reset_at),
    });
  });

  it('asked for by a plain request is told what is missing', async () => {
    const secret = (await bench.key()).secret;
    const answer = await fetch(`${bench.gateway.url}/backend-api/codex/responses`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'websocket_upgrade_required' } });
  });
});
