/** A client that goes away: nobody works for it any longer, and nothing of it stays behind. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, ledgerOf, newRow, requestIds, settledRow, soundBooks } from '../support/ledger.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';
import { threadOf } from '../support/thread-of.ts';

/** A time nobody else waits for, so that a timer of it shows a request in the line. */
const queueWaitMs = 599_993;
const holdMs = 60_013;
const idleMs = 299_993;

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;

beforeAll(async () => {
  installation = await oneInstallation();
  // One seat: as long as a request holds it, no other can be served.
  gateway = await installation.open({
    settings: {
      'admission.proxy_stream.seats': 1,
      'admission.proxy_stream.wait_ms': queueWaitMs,
      'gateway.holdback_ms': holdMs,
    },
  });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(() => anna.forgetScript());

/** The single seat is free again, and the provider serves nobody. */
async function expectFree(): Promise<void> {
  const answer = await openCodex(gateway, key).answer;
  expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
  await settledRow(gateway, requestIdOf(answer));
  expect(anna.counters.openStreams).toBe(0);
  expect(await faultsInBooks(gateway.database.db)).toEqual(soundBooks);
}

describe('a client that leaves', () => {
  for (const [moment, behaviour] of [
    ['before the provider has answered', { behaviour: 'F8', at: 'start' }],
    ['while the provider has sent nothing but headers', { behaviour: 'F8', at: 'headers' }],
    ['before the answer is committed', { behaviour: 'F8', at: 'created' }],
  ] as const) {
    it(`${moment} ends the call to the provider and is recorded as having left`, async () => {
      anna.answers(behaviour);
      const known = await requestIds(gateway);
      const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
      const call = openCodex(gateway, key);
      await arrived;
      call.leave();
      expect((await ended).outcome).toBe('left');
      const row = await newRow(gateway, known);
      expect(row).toMatchObject({
        status: 'cancelled',
        errorCode: 'client_disconnected',
        responseStatus: null,
        usageStatus: 'usage_unknown',
      });
      expect((await ledgerOf(gateway.database.db, row.id)).map(({ event }) => event)).toEqual([
        'release',
        'reservation',
        'settlement',
      ]);
      await expectFree();
    });
  }

  it('in the middle of a stream ends it at the provider, and the estimate counts', async () => {
    anna.answers({ behaviour: 'N12', deltas: 100, everyMs: 600_000 });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    call.leave();
    expect((await ended).outcome).toBe('left');
    const row = await newRow(gateway, known);
    expect(row).toMatchObject({
      status: 'cancelled',
      errorCode: 'client_disconnected',
      responseStatus: 200,
      usageStatus: 'usage_unknown',
      attemptCount: 1,
    });
    expect(row.responseBytes).toBeGreaterThan(0);
    const attempt = await gateway.database.db
      .selectFrom('attempts')
      .selectAll()
      .where('requestId', '=', row.id)
      .executeTakeFirstOrThrow();
    expect(attempt).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    await expectFree();
  });

  it('while the answer is a burst that it does not read is let go all the same', async () => {
    anna.answers({ behaviour: 'N12', deltas: 3000, bytes: 20_000 });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    call.stopReading();
    call.leave();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    await expectFree();
  });

  it('during the second attempt ends that one and starts no third', async () => {
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    const thread = await threadOf(gateway, key, 'anna');
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    ben.answers({ behaviour: 'F8', at: 'start' });
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses', account: 'ben' });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'ben' });
    const served = anna.counters.requests;
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key, { thread });
    await arrived;
    call.leave();
    expect((await ended).outcome).toBe('left');
    const row = await newRow(gateway, known);
    expect(row).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected', attemptCount: 2 });
    const attempts = await gateway.database.db
      .selectFrom('attempts')
      .selectAll()
      .where('requestId', '=', row.id)
      .orderBy('number')
      .execute();
    expect(attempts.map(({ accountLabel, status }) => [accountLabel, status])).toEqual([
      ['anna', 'retryable_failed'],
      ['ben', 'cancelled'],
    ]);
    expect(anna.counters.requests - served).toBe(1);
    await gateway.call(accounts.remove, { account: 'ben' });
    await expectFree();
  });

  it('while it waits for a seat frees its place in the line and leaves no row', async () => {
    await gateway.change({ 'admission.proxy_stream.queue': 1 });
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000_000 });
    const before = await rowCount();
    const first = openCodex(gateway, key);
    await first.until((text) => text.includes('response.created'));
    const second = openCodex(gateway, key);
    await installation.clock.timersOf(queueWaitMs, 1);
    const answered = gateway.log.filter(({ event }) => event === 'request').length;
    second.leave();
    await gateway.logged('request', answered + 1);
    // The line has room for one, so this one waits only because the other's place is free.
    const third = openCodex(gateway, key);
    await installation.clock.timersOf(queueWaitMs, 2);
    first.leave();
    const answer = await third.answer;
    expect(answer.status).toBe(200);
    await settledRow(gateway, requestIdOf(answer));
    expect((await rowCount()) - before).toBe(2);
    await gateway.change({ 'admission.proxy_stream.queue': 96 });
    await expectFree();
  });

  it('after the terminal event has had its answer', async () => {
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('event: response.completed') && text.endsWith('\n\n'));
    call.leave();
    expect(await newRow(gateway, known)).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
    await expectFree();
  });

  it('without closing its connection, by reading no more, loses its seat in the time a silent provider has', async () => {
    await gateway.change({ 'gateway.stream_idle_timeout_ms': idleMs });
    // More than the system buffers for a connection: its end cannot be sent.
    const body = JSON.stringify({ object: 'response', text: 'x'.repeat(14 * 2 ** 20) });
    anna.answers({ behaviour: 'raw', status: 200, headers: { 'content-type': 'application/json' }, body });
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key);
    await call.status;
    call.stopReading();
    await installation.clock.timersOf(idleMs, 1);
    gateway.clock.advance(idleMs);
    expect(await newRow(gateway, known)).toMatchObject({ responseStatus: 200, usageStatus: 'usage_unknown' });
    await expectFree();
    call.leave();
    await gateway.change({ 'gateway.stream_idle_timeout_ms': 300_000 });
  });

  it('in the same way in the middle of a stream loses its seat, and the provider is not read for it any more', async () => {
    const silentMs = 299_983;
    await gateway.change({ 'gateway.stream_idle_timeout_ms': silentMs });
    anna.answers({ behaviour: 'N12', deltas: 3000, bytes: 20_000 });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    const known = await requestIds(gateway);
    const call = openCodex(gateway, key);
    await call.until((text) => text.includes('response.output_item.added'));
    call.stopReading();
    // One timer watches the provider, the other this client.
    await installation.clock.timersOf(silentMs, 2);
    gateway.clock.advance(silentMs);
    expect((await ended).outcome).toBe('left');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    await expectFree();
    call.leave();
    await gateway.change({ 'gateway.stream_idle_timeout_ms': 300_000 });
  });

  it('in the middle of its own body leaves nothing at all', async () => {
    const before = await rowCount();
    const requests = gateway.log.filter(({ event }) => event === 'request').length;
    const call = openCodex(gateway, key, { announcedBytes: 1000, body: '{"model":"gpt-5.5",' });
    await new Promise<void>((resolve) => void call.request.once('finish', resolve));
    call.leave();
    await gateway.logged('request', requests + 1);
    expect(await rowCount()).toBe(before);
    await expectFree();
  });
});

async function rowCount(): Promise<number> {
  const { rows } = await gateway.database.pool.query<{ count: string }>('select count(*) from requests');
  return Number(rows[0]?.count);
}
