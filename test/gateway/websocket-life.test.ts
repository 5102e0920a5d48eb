/** What becomes of a turn when its client leaves, and of sockets when the gateway stops. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

describe('a client that leaves', () => {
  it('in the middle of an answer ends the call to the provider, and the turn is settled', async () => {
    const { client } = await bench.withKey();
    const known = await requestIds(bench.gateway);
    await bench.runTurn(client);
    client.turn();
    const ended = bench.gateway.sandbox.nextStreamEnd({ account: 'anna' });
    client.leave();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(bench.gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    expect((await requestIds(bench.gateway)).size).toBe(known.size + 1);
  });

  it('and comes back goes on with its account', async () => {
    await bench.gateway.link('ben', { percentPerAnswer: 0 });
    const { client, secret } = await bench.withKey();
    client.turn({ thread: 'comes-back' });
    await client.answer();
    const served = bench.gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).at(-1)?.account;
    client.leave();
    for (let turn = 0; turn < 4; turn += 1) {
      const again = await bench.open(secret, { thread: 'comes-back' });
      again.turn({ thread: 'comes-back' });
      await again.answer();
    }
    const asked = bench.gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).slice(-4);
    expect(asked.map(({ account }) => account)).toEqual([served, served, served, served]);
    await bench.gateway.call(accounts.remove, { account: 'ben' });
  });
});

describe('a gateway that stops', () => {
  const drainMs = 49_991;
  const another = () => bench.installation.open({ env: { CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: String(drainMs) } });
  let stops = 0;

  it('closes sockets at rest with 1012, lets turns finish, and then closes theirs', async () => {
    const secret = (await bench.key()).secret;
    const own = await another();
    const atRest = await bench.open(secret, {}, own);
    const busy = await bench.open(secret, {}, own);
    await bench.runTurn(busy);
    const stopped = own.app.stop();
    expect(await atRest.closed).toEqual({ code: 1012, reason: 'gateway_stopping' });
    await bench.installation.clock.timersOf(drainMs, (stops += 1));
    expect(await bench.finishTurn(busy)).toMatchObject({ type: 'response.completed' });
    expect(await busy.closed).toEqual({ code: 1012, reason: 'gateway_stopping' });
    await stopped;
  });

  it('ends turns that take longer than it may wait, and tells their clients', async () => {
    const secret = (await bench.key()).secret;
    const own = await another();
    const busy = await bench.open(secret, {}, own);
    const known = await requestIds(bench.gateway);
    await bench.runTurn(busy);
    const stopped = own.app.stop();
    await bench.installation.clock.timersOf(drainMs, (stops += 1));
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
    const secret = (await bench.key()).secret;
    const own = await another();
    const client = await bench.open(secret, {}, own);
    client.socket.pause();
    const stopped = own.app.stop();
    await bench.installation.clock.timersOf(1_000, 1);
    own.clock.advance(1_000);
    await stopped;
  });
});

it('leaves sound books', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
