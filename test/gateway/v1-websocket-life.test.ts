/** The websocket of `/v1/responses` beside its turns: its line, its client, its key, and how it ends. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { routing } from '../../server/contract/pools.ts';
import { defaultSettings } from '../../server/contract/settings.ts';
import { maxLine } from '../../server/gateway/carriers/websocket-session.ts';
import { maxMissedPongs, pingMs } from '../../server/gateway/sockets/client-sessions.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { idIn } from '../support/own-socket.ts';
import { askTurn, completed, publicPath, publicTurn } from '../support/public-turns.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import type { SocketClient } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const inference = () => bench.gateway.sandbox.requests.filter((each) => each.path.endsWith('/responses'));

const offersV1 = (v1Compatibility: boolean) =>
  bench.gateway.call(routing.change, { pool: 'default', changes: { v1Compatibility } });

/** A turn that goes on until `bench.finishTurn`. */
async function runTurn(client: SocketClient, fields: object = {}): Promise<void> {
  bench.anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  askTurn(client, fields);
  await client.until('response.output_item.added');
}

describe('turns', () => {
  it('wait in line while one runs; what has no place there is told so at once, by the name of its stream', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    await runTurn(client, { stream_id: 'first' });
    for (let number = 0; number < maxLine; number += 1) askTurn(client, { stream_id: `s${number}`, generate: false });
    askTurn(client, { stream_id: 'too-many' });
    expect(await client.until('error')).toMatchObject([
      { type: 'error', status: 503, error: { code: 'websocket_queue_full' }, stream_id: 'too-many' },
    ]);
    await bench.finishTurn(client);
    for (let number = 0; number < maxLine; number += 1)
      expect((await client.answer()).at(-1)).toMatchObject({ ...completed, stream_id: `s${number}` });
  });

  it('of a client that leaves end their call to the provider, and are settled', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    const known = await requestIds(bench.gateway);
    await runTurn(client);
    const ended = bench.gateway.sandbox.nextStreamEnd({ account: 'anna' });
    client.leave();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(bench.gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
  });

  it('of a client that answers no pings end their call to the provider, and are settled', async () => {
    const { client } = await bench.withKey({ path: publicPath, answersPings: false });
    const known = await requestIds(bench.gateway);
    await runTurn(client);
    const ended = bench.gateway.sandbox.nextStreamEnd({ account: 'anna' });
    for (let ping = 0; ping <= maxMissedPongs; ping += 1) bench.gateway.clock.advance(pingMs);
    expect((await ended).outcome).toBe('left');
    expect((await client.closed).code).toBe(1006);
    expect(await newRow(bench.gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
  });

  it('take no longer than a stream may, however busy the provider is', async () => {
    await bench.gateway.change({ 'gateway.stream_idle_timeout_ms': 10_000_000 });
    const { client } = await bench.withKey({ path: publicPath });
    const known = await requestIds(bench.gateway);
    await runTurn(client);
    await bench.gateway.change({ 'gateway.stream_idle_timeout_ms': 300_000 });
    bench.gateway.clock.advance(7_199_000);
    expect((await requestIds(bench.gateway)).size).toBe(known.size + 1);
    bench.gateway.clock.advance(1_000);
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'error', code: 'upstream_request_timeout' });
    expect(await newRow(bench.gateway, known)).toMatchObject({ status: 'failed', errorCode: 'upstream_timeout' });
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
  });

  it('are acknowledged without an answer', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    client.send('{"type":"response.processed","response_id":"resp_1"}');
    expect((await publicTurn(client)).map(({ type }) => type)[0]).toBe('response.created');
  });
});

describe('a socket', () => {
  it('with a binary frame is closed with 1003', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    client.send(Buffer.from('{"type":"response.create"}'), { binary: true });
    expect((await client.closed).code).toBe(1003);
  });

  it('is closed with 1009 by a message that is too large once it is unpacked', async () => {
    await bench.gateway.change({ 'gateway.max_responses_body_bytes': 16_384 });
    const { client } = await bench.withKey({ path: publicPath });
    expect((await publicTurn(client, { input: 'x'.repeat(16_000) })).at(-1)).toMatchObject(completed);
    askTurn(client, { input: 'x'.repeat(16_384) });
    expect((await client.closed).code).toBe(1009);
    await bench.gateway.change({ 'gateway.max_responses_body_bytes': 128 * 2 ** 20 });
  });

  it('that is silent for long is closed with 1000, though its client is there', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    const pinged = new Promise((resolve) => client.socket.once('ping', resolve));
    bench.gateway.clock.advance(pingMs);
    await pinged;
    await bench.gateway.change({ 'gateway.websocket_idle_timeout_ms': 1_800_000 });
    bench.gateway.clock.advance(1_800_000);
    expect(await client.closed).toEqual({ code: 1000, reason: 'idle' });
  });

  it('whose key is revoked lets its turn finish, begins none that waits, and is closed with 1008', async () => {
    const { name, client } = await bench.withKey({ path: publicPath });
    await runTurn(client);
    askTurn(client);
    const before = inference().length;
    await bench.gateway.call(apiKeys.revoke, { key: name });
    expect(await bench.finishTurn(client)).toMatchObject(completed);
    expect(await client.closed).toEqual({ code: 1008, reason: 'api_key_revoked' });
    expect(inference().length).toBe(before);
  });

  it('that is gone leaves the room of its conversations to those that live', async () => {
    await bench.gateway.change({ 'gateway.websocket_memory_bytes': 40_000 });
    const input = 'x'.repeat(8_000);
    const { client, secret } = await bench.withKey({ path: publicPath });
    const id = idIn(await publicTurn(client, { input }));
    for (let others = 0; others < 6; others += 1) {
      const gone = bench.gateway.log.filter(({ event }) => event === 'websocket_closed').length;
      const other = await bench.open(secret, { path: publicPath });
      expect((await publicTurn(other, { input })).at(-1)).toMatchObject(completed);
      other.leave();
      await bench.gateway.logged('websocket_closed', gone + 1);
    }
    expect((await publicTurn(client, { previous_response_id: id })).at(-1)).toMatchObject(completed);
    await bench.gateway.change({ 'gateway.websocket_memory_bytes': defaultSettings['gateway.websocket_memory_bytes'] });
  });

  it('whose Pool has /v1 switched off is closed with 1008', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    await offersV1(false);
    expect(await client.closed).toEqual({ code: 1008, reason: 'v1_compatibility_disabled' });
    await offersV1(true);
  });
});

describe('a gateway that stops', () => {
  const drainMs = 49_993;
  const another = () => bench.installation.open({ env: { CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: String(drainMs) } });
  const draining = { type: 'error', status: 503, error: { type: 'server_error', code: 'server_draining' } };
  let stops = 0;

  it('says so before it closes with 1012: at once at rest, else after the running turn', async () => {
    const { secret } = await bench.key();
    const own = await another();
    const atRest = await bench.open(secret, { path: publicPath }, own);
    const busy = await bench.open(secret, { path: publicPath }, own);
    await runTurn(busy);
    askTurn(busy);
    const stopped = own.app.stop();
    expect(await atRest.next()).toMatchObject(draining);
    expect((await atRest.closed).code).toBe(1012);
    await bench.installation.clock.timersOf(drainMs, (stops += 1));
    expect(await bench.finishTurn(busy)).toMatchObject(completed);
    expect(await busy.next()).toMatchObject(draining);
    expect((await busy.closed).code).toBe(1012);
    await stopped;
  });

  it('ends a turn that takes longer than it may wait, and says so once', async () => {
    const { secret } = await bench.key();
    const own = await another();
    const busy = await bench.open(secret, { path: publicPath }, own);
    await runTurn(busy);
    const stopped = own.app.stop();
    await bench.installation.clock.timersOf(drainMs, (stops += 1));
    own.clock.advance(drainMs);
    const told = await busy.answer();
    expect(told.at(-1)).toMatchObject({ ...draining, code: 'server_draining' });
    expect((await busy.closed).code).toBe(1012);
    expect(busy.received.filter((frame) => frame.includes('server_draining'))).toHaveLength(1);
    await stopped;
  });
});

it('leaves sound books, and no error that nobody foresaw', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
