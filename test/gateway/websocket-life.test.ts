/** The life of a client's websocket: who gets one, what ends it, with which code, and what becomes of its turn. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { pools } from '../../server/contract/pools.ts';
import { codexBody } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import {
  type HandshakeRefused,
  openSocket,
  type Frame,
  type SocketClient,
  type SocketOptions,
} from '../support/socket-client.ts';

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let named = 0;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
});
afterAll(() => installation.stop());
beforeEach(() => void anna.forgetScript());

const opened: SocketClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.leave();
});

async function open(key: string, options?: SocketOptions, target: { url: string } = gateway): Promise<SocketClient> {
  const client = await openSocket(target, key, options);
  opened.push(client);
  return client;
}

/** A key with a socket, and a way to have a turn run on it until the provider's clock is moved. */
async function withKey() {
  const name = `key-${(named += 1)}`;
  const secret = await gateway.key({ name });
  return { name, secret, client: await open(secret) };
}

async function runTurn(client: SocketClient): Promise<void> {
  anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  client.turn();
  await client.until('response.output_item.added');
}

async function finishTurn(client: SocketClient): Promise<Frame | undefined> {
  await providerClock.untilWaiting();
  providerClock.advance(1_000);
  return (await client.answer()).at(-1);
}

const refusalOf = (key: string | null, options?: SocketOptions, target: { url: string } = gateway) =>
  openSocket(target, key, options).then(
    () => Promise.reject(new Error('it was not refused')),
    (error: HandshakeRefused) => ({ status: error.status, body: error.body, headers: error.headers }),
  );

describe('a handshake is refused', () => {
  it.each<[string, number, string, SocketOptions | undefined]>([
    ['on an unknown path', 404, 'Not Found', { path: '/backend-api/codex/nowhere' }],
    ['on a path for requests', 404, 'Not Found', { path: '/backend-api/codex/responses/compact' }],
    ['under a foreign name', 400, 'host_not_allowed', { headers: { host: 'evil.example' } }],
    ['to a page of another origin', 400, 'origin_not_allowed', { headers: { origin: 'https://evil.example' } }],
  ])('%s with %i', async (_name, status, text, options) => {
    const answer = await refusalOf(await gateway.key({ name: `key-${(named += 1)}` }), options);
    expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } });
    expect(answer.body).toContain(text);
    expect(() => JSON.parse(answer.body) as unknown).not.toThrow();
  });

  it.each<[string, number, string, (key: string) => Promise<unknown>]>([
    ['is paused', 401, 'api_key_paused', (key) => gateway.call(apiKeys.pause, { key })],
    ['is revoked', 401, 'api_key_revoked', (key) => gateway.call(apiKeys.revoke, { key })],
    ['is deleted', 401, 'api_key_missing', (key) => gateway.call(apiKeys.delete, { key })],
    [
      'may not be used from there',
      400,
      'address_not_allowed',
      (key) => gateway.call(apiKeys.update, { key, policy: { allowedAddresses: ['10.0.0.0/8'] } }),
    ],
  ])('when its key %s', async (_name, status, code, end) => {
    const { name, secret } = await withKey();
    await end(name);
    const answer = await refusalOf(secret);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code } });
  });

  it('without a key, and with no key of this gateway', async () => {
    for (const key of [null, 'sk-cxp-nobody', 'x']) expect(await refusalOf(key)).toMatchObject({ status: 401 });
  });

  it('with 426 where websockets are switched off, so that Codex uses HTTP', async () => {
    await gateway.change({ 'gateway.websockets_enabled': false });
    for (const path of ['/backend-api/codex/responses', '/backend-api/codex/v1/responses']) {
      const answer = await refusalOf(null, { path });
      expect(answer.status).toBe(426);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'websocket_not_offered' } });
    }
    await gateway.change({ 'gateway.websockets_enabled': true });
  });

  it('with 503 when too many are open', async () => {
    const { secret, client } = await withKey();
    await gateway.change({ 'gateway.max_websockets': 1 });
    const answer = await refusalOf(secret);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'server_is_overloaded' } });
    await gateway.change({ 'gateway.max_websockets': 1000 });
    client.leave();
  });
});

describe('a handshake', () => {
  it('is answered with what a client reads of it: turn state, models and limits', async () => {
    const secret = await gateway.key({ name: `key-${(named += 1)}` });
    const models = await fetch(`${gateway.url}/backend-api/codex/models`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    const client = await open(secret, { path: '/backend-api/codex/v1/responses' });
    expect(client.headers).toMatchObject({
      'x-models-etag': models.headers.get('etag'),
      'x-codex-turn-state': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-request-id': expect.any(String),
    });
    // Packing is offered by the client and declined.
    expect(client.headers['sec-websocket-extensions']).toBeUndefined();
    const again = await open(secret, { headers: { 'x-codex-turn-state': 'given' } });
    expect(again.headers['x-codex-turn-state']).toBe('given');
  });

  it('tells the limits of its Pool as headers', async () => {
    const { client, secret } = await withKey();
    client.turn();
    await client.answer();
    const usage = (await (
      await fetch(`${gateway.url}/backend-api/wham/usage`, { headers: { authorization: `Bearer ${secret}` } })
    ).json()) as { rate_limit: { primary_window: { used_percent: number; reset_at: number } } };
    const window = usage.rate_limit.primary_window;
    expect((await open(secret)).headers).toMatchObject({
      'x-codex-primary-used-percent': String(window.used_percent),
      'x-codex-primary-reset-at': String(window.reset_at),
    });
  });

  it('asked for by a plain request is told what is missing', async () => {
    const secret = await gateway.key({ name: `key-${(named += 1)}` });
    const answer = await fetch(`${gateway.url}/backend-api/codex/responses`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'websocket_upgrade_required' } });
  });
});

describe('what ends a key ends its sockets', () => {
  const ends: [string, string, (key: string) => Promise<unknown>][] = [
    ['paused', 'api_key_paused', (key) => gateway.call(apiKeys.pause, { key })],
    ['revoked', 'api_key_revoked', (key) => gateway.call(apiKeys.revoke, { key })],
    ['deleted', 'api_key_missing', (key) => gateway.call(apiKeys.delete, { key })],
    ['rotated', 'api_key_rotated', (key) => gateway.call(apiKeys.rotate, { key, overlapSeconds: 0 })],
    [
      'not to be used from there',
      'address_not_allowed',
      (key) => gateway.call(apiKeys.update, { key, policy: { allowedAddresses: ['10.0.0.0/8'] } }),
    ],
  ];

  it.each(ends)('%s: one at rest is closed at once with 1008', async (_name, reason, end) => {
    const { name, client } = await withKey();
    const neighbour = await withKey();
    await end(name);
    expect(await client.closed).toEqual({ code: 1008, reason });
    neighbour.client.turn();
    expect((await neighbour.client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it.each(ends)('%s: a running turn finishes, what waits is not begun, then 1008', async (_name, reason, end) => {
    const { name, client } = await withKey();
    await runTurn(client);
    client.turn();
    const before = anna.counters.requests;
    await end(name);
    expect(await finishTurn(client)).toMatchObject({ type: 'response.completed' });
    expect(await client.closed).toEqual({ code: 1008, reason });
    expect(anna.counters.requests).toBe(before);
  });

  it('expired by the clock: the next turn is told why, unless the socket was closed before, then 1008', async () => {
    const { name, client } = await withKey();
    await gateway.call(apiKeys.update, { key: name, expiresAt: new Date(gateway.clock.now().getTime() + 1_000) });
    const before = anna.counters.requests;
    gateway.clock.advance(1_000);
    client.turn();
    expect(await client.closed).toEqual({ code: 1008, reason: 'api_key_expired' });
    for (const frame of client.received)
      expect(JSON.parse(frame.toString())).toMatchObject({ status: 401, error: { code: 'api_key_expired' } });
    expect(anna.counters.requests).toBe(before);
  });

  it('with its Pool disabled as well', async () => {
    await gateway.call(pools.create, { name: 'Elsewhere', routing: {} });
    const { name, client, secret } = await withKey();
    await gateway.call(apiKeys.update, { key: name, pool: 'elsewhere' });
    client.turn();
    // The turn goes to the Pool that the key points to now, which has no accounts.
    expect(await client.next()).toMatchObject({ type: 'error', error: { code: 'pool_has_no_accounts' } });
    await gateway.call(pools.disable, { pool: 'elsewhere' });
    expect(await client.closed).toEqual({ code: 1008, reason: 'api_key_missing' });
    expect((await refusalOf(secret)).status).toBe(401);
  });

  it('but a change of its policy does not: the next turn has the new one', async () => {
    const { name, client } = await withKey();
    await gateway.call(apiKeys.update, { key: name, policy: { allowedModels: ['gpt-6.1-sol'] } });
    client.turn();
    expect(await client.next()).toMatchObject({ type: 'error', status: 400, error: { code: 'model_not_allowed' } });
    await gateway.call(apiKeys.update, { key: name, policy: { allowedModels: null } });
    client.turn();
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });
});

describe('a message', () => {
  it('that is binary closes the socket with 1003', async () => {
    const { client } = await withKey();
    client.send(Buffer.from('{"type":"response.create"}'), { binary: true });
    expect(await client.closed).toEqual({ code: 1003, reason: 'binary_frame' });
  });

  it('that is no UTF-8 closes it with 1007', async () => {
    const { client } = await withKey();
    client.send(Buffer.from([0xff, 0xfe, 0x7b]), { binary: false });
    expect((await client.closed).code).toBe(1007);
  });

  it('as large as a request may be is served, and one byte more closes it with 1009', async () => {
    await gateway.change({ 'gateway.max_body_bytes': 16_384 });
    const { client } = await withKey();
    const frame = (text: string) => `{"type":"response.create",${codexBody({ text }).slice(1)}`;
    const filled = (bytes: number) => frame('x'.repeat(bytes - frame('').length));
    client.send(filled(16_384));
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    client.send(filled(16_385));
    expect((await client.closed).code).toBe(1009);
    await gateway.change({ 'gateway.max_body_bytes': 64 * 2 ** 20 });
    const { client: next } = await withKey();
    next.turn();
    expect((await next.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it.each([
    [2 ** 24 - 1, 'frame'],
    [2 ** 24, 'http'],
    [2 ** 24 + 1, 'http'],
  ])('of %i bytes is served, and reaches the provider as %s', async (bytes, kind) => {
    const { client } = await withKey();
    const frame = (text: string) => `{"type":"response.create",${codexBody({ text, thread: `big-${bytes}` }).slice(1)}`;
    const text = frame('x'.repeat(bytes - frame('').length));
    expect(Buffer.byteLength(text)).toBe(bytes);
    client.send(text);
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    const asked = gateway.sandbox.requests.filter(
      (each) => each.kind !== 'handshake' && each.path.endsWith('/responses'),
    );
    expect(asked.at(-1)?.kind).toBe(kind);
  });

  it('in pieces is served as one', async () => {
    const { client } = await withKey();
    const text = JSON.stringify({
      type: 'response.create',
      model: 'gpt-5.5',
      stream: true,
      store: false,
      input: [],
      tools: [],
    });
    client.socket.send(text.slice(0, 20), { fin: false });
    client.socket.ping('now');
    client.socket.send(text.slice(20), { fin: true });
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });
});

describe('a client that leaves', () => {
  it('in the middle of an answer ends the call to the provider, and the turn is settled', async () => {
    const { client } = await withKey();
    const known = await requestIds(gateway);
    await runTurn(client);
    client.turn();
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    client.leave();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    expect((await requestIds(gateway)).size).toBe(known.size + 1);
  });

  it('and comes back goes on with its account', async () => {
    await gateway.link('ben', { percentPerAnswer: 0 });
    const { client, secret } = await withKey();
    client.turn({ thread: 'comes-back' });
    await client.answer();
    const served = gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).at(-1)?.account;
    client.leave();
    for (let turn = 0; turn < 4; turn += 1) {
      const again = await open(secret, { thread: 'comes-back' });
      again.turn({ thread: 'comes-back' });
      await again.answer();
    }
    const asked = gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).slice(-4);
    expect(asked.map(({ account }) => account)).toEqual([served, served, served, served]);
    await gateway.call(accounts.remove, { account: 'ben' });
  });
});

describe('a gateway that stops', () => {
  const drainMs = 49_991;
  const another = () => installation.open({ env: { CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: String(drainMs) } });
  let stops = 0;

  it('closes sockets at rest with 1012, lets turns finish, and then closes theirs', async () => {
    const secret = await gateway.key({ name: `key-${(named += 1)}` });
    const own = await another();
    const atRest = await open(secret, {}, own);
    const busy = await open(secret, {}, own);
    await runTurn(busy);
    const stopped = own.app.stop();
    expect(await atRest.closed).toEqual({ code: 1012, reason: 'gateway_stopping' });
    await installation.clock.timersOf(drainMs, (stops += 1));
    expect(await finishTurn(busy)).toMatchObject({ type: 'response.completed' });
    expect(await busy.closed).toEqual({ code: 1012, reason: 'gateway_stopping' });
    await stopped;
  });

  it('ends turns that take longer than it may wait, and tells their clients', async () => {
    const secret = await gateway.key({ name: `key-${(named += 1)}` });
    const own = await another();
    const busy = await open(secret, {}, own);
    const known = await requestIds(gateway);
    await runTurn(busy);
    const stopped = own.app.stop();
    await installation.clock.timersOf(drainMs, (stops += 1));
    own.clock.advance(drainMs);
    expect((await busy.answer()).at(-1)).toMatchObject({
      type: 'error',
      status: 503,
      error: { code: 'gateway_stopping' },
    });
    expect((await busy.closed).code).toBe(1012);
    await stopped;
    expect(await newRow(own, known)).toMatchObject({ status: 'failed', errorCode: 'gateway_stopping' });
  });

  it('is not held up by a client that answers no close', async () => {
    const secret = await gateway.key({ name: `key-${(named += 1)}` });
    const own = await another();
    const client = await open(secret, {}, own);
    client.socket.pause();
    const stopped = own.app.stop();
    await installation.clock.timersOf(1_000, 1);
    own.clock.advance(1_000);
    await stopped;
  });
});

it('leaves sound books', async () => {
  for (const client of opened.splice(0)) client.leave();
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  await expect.poll(async () => faultsInBooks(gateway.database.db)).toEqual(soundBooks);
});
