/** Stopping with work under way: nothing new begins, what runs may finish, the rest is ended, and all of it is settled. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codexBody, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, soundBooks } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf, type RawCall } from '../support/raw-codex.ts';

/** A time nobody else waits for: a timer of it shows that the stop has begun. */
const drainLimitMs = 49_999;
const queueWaitMs = 71_993;

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let stops = 0;
let waits = 0;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
  await gateway.change({ 'admission.proxy_stream.wait_ms': queueWaitMs });
  await gateway.app.stop();
});
afterAll(() => installation.stop());
beforeEach(async () => {
  anna.forgetScript();
  gateway = await open();
});

const open = () => installation.open({ env: { CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: String(drainLimitMs) } });

/** Streams that pause in their middle until the provider's clock is moved. */
async function streams(count: number): Promise<RawCall[]> {
  anna.always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  const calls = Array.from({ length: count }, () => openCodex(gateway, key));
  await Promise.all(calls.map((call) => call.until((received) => received.includes('response.output_item.added'))));
  return calls;
}

/** Begins to stop; resolves when the gateway waits for what runs. */
async function beginStop(): Promise<{ readonly stopped: Promise<void> }> {
  const stopped = gateway.app.stop();
  await installation.clock.timersOf(drainLimitMs, (stops += 1));
  return { stopped };
}

async function rowOf(requestId: string) {
  return installation.database.db
    .selectFrom('requests')
    .selectAll()
    .where('id', '=', requestId)
    .executeTakeFirstOrThrow();
}

describe('a gateway that stops', () => {
  it('lets running streams finish, and has settled them when it is through', async () => {
    const calls = await streams(5);
    const { stopped } = await beginStop();
    providerClock.advance(1_000);
    const answers = await Promise.all(calls.map((call) => call.answer));
    await stopped;
    for (const answer of answers) {
      expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
      // No waiting here: after the stop everything is in the database.
      expect(await rowOf(requestIdOf(answer))).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
    }
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('ends streams that take longer than it may wait, tells the provider, and settles them', async () => {
    const calls = await streams(3);
    const { stopped } = await beginStop();
    gateway.clock.advance(drainLimitMs);
    const answers = await Promise.all(calls.map((call) => call.answer));
    await stopped;
    expect(anna.counters.openStreams).toBe(0);
    for (const answer of answers) {
      expect(typesOf(answer.body.toString('utf8'))).not.toContain('response.completed');
      expect(await rowOf(requestIdOf(answer))).toMatchObject({
        status: 'failed',
        errorCode: 'gateway_stopping',
        usageStatus: 'usage_unknown',
      });
    }
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('ends them at once when it is told to hurry, and settles them', async () => {
    const [call] = await streams(1);
    const { stopped } = await beginStop();
    gateway.app.hurry();
    const answer = await call?.answer;
    await stopped;
    expect(answer && (await rowOf(requestIdOf(answer)))).toMatchObject({ errorCode: 'gateway_stopping' });
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('takes no new connection', async () => {
    const [running] = await streams(1);
    const { stopped } = await beginStop();
    await expect(openCodex(gateway, key).answer).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    providerClock.advance(1_000);
    await running?.answer;
    await stopped;
  });

  it('refuses a request that comes on a connection it had before, with a wait and without a row', async () => {
    const [running] = await streams(1);
    const before = anna.counters.requests;
    const socket = await halfRequest();
    const { stopped } = await beginStop();
    socket.write('\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/\r\nretry-after: [1-9]/i);
    expect(answer).toContain('"code":"gateway_stopping"');
    expect(anna.counters.requests).toBe(before);
    providerClock.advance(1_000);
    await running?.answer;
    await stopped;
  });

  it('serves a request whose body was on its way when it began to stop', async () => {
    const [running] = await streams(1);
    anna.forgetScript();
    const body = codexBody();
    const socket = await halfRequest(`expect: 100-continue\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`);
    socket.write('\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 100 /);
    const { stopped } = await beginStop();
    socket.write(body);
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('event: response.completed');
    providerClock.advance(1_000);
    await running?.answer;
    await stopped;
  });

  it('sends away those who wait for a seat when its time is over', async () => {
    await gateway.change({ 'admission.proxy_stream.seats': 1 });
    const [running] = await streams(1);
    const waiting = openCodex(gateway, key);
    await installation.clock.timersOf(queueWaitMs, (waits += 1));
    const { stopped } = await beginStop();
    gateway.clock.advance(drainLimitMs);
    const refused = await waiting.answer;
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body.toString('utf8'))).toMatchObject({ error: { code: 'gateway_stopping' } });
    await running?.answer;
    await stopped;
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
    gateway = await open();
    await gateway.change({ 'admission.proxy_stream.seats': 24 });
    await gateway.app.stop();
  });

  it('is not held up by a client that has stopped reading', async () => {
    // One block, larger than what the system buffers for a connection, so that its end cannot be sent.
    const id = 'x'.repeat(14 * 2 ** 20);
    anna.always({ behaviour: 'recording', sse: `data: {"type":"response.completed","response":{"id":"${id}"}}\n\n` });
    const call = openCodex(gateway, key);
    await call.status;
    call.stopReading();
    const { stopped } = await beginStop();
    gateway.clock.advance(drainLimitMs);
    await stopped;
    call.leave();
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('may be told so more than once, and when nothing runs', async () => {
    const first = gateway.app.stop();
    await Promise.all([first, gateway.app.stop()]);
    await gateway.app.stop();
    stops += 1;
  });

  it('leaves nothing for the next start to mend', async () => {
    const closed = gateway.log.filter(({ event }) => event === 'requests_of_ended_process_closed');
    expect(closed).toEqual([]);
    const answer = await openCodex(gateway, key).answer;
    expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
    expect(installation.sandbox.violations).toEqual([]);
  });
});

/** A connection with the head of a request that lacks its last line. */
async function halfRequest(extra = 'content-length: 0\r\n'): Promise<Socket> {
  const { hostname, port, host } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(
    `POST /backend-api/codex/responses HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\nconnection: close\r\n${extra}`,
  );
  // An answer on another connection shows that the server has seen what was written on this one before.
  await (await fetch(`${gateway.url}/healthz`)).text();
  return socket;
}

describe('stopping while books are read again', () => {
  it('is quiet: what was begun is seen through before the database closes', async () => {
    const { pool } = installation.database;
    const lock = await pool.connect();
    await lock.query('begin');
    await lock.query('lock table account_catalogs in access exclusive mode');
    await pool.query(`select pg_notify('codex_pooler_changes', 'catalog')`);
    const waiting = `select 1 from pg_locks where not granted and relation = 'account_catalogs'::regclass`;
    while ((await pool.query(waiting)).rowCount === 0);
    const stopped = gateway.app.stop();
    // Long enough for a stop that waits for nobody.
    for (let question = 0; question < 200; question += 1) await pool.query('select 1');
    await lock.query('commit');
    lock.release();
    await stopped;
    expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
