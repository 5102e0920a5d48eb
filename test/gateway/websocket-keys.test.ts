/** What ends a key ends its sockets. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { pools } from '../../server/contract/pools.ts';
import { faultsAfterAll, soundBooks } from '../support/ledger.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import { handshakeRefusal } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

describe('what ends a key ends its sockets', () => {
  const ends: [string, string, (key: string) => Promise<unknown>][] = [
    ['paused', 'api_key_paused', (key) => bench.gateway.call(apiKeys.pause, { key })],
    ['revoked', 'api_key_revoked', (key) => bench.gateway.call(apiKeys.revoke, { key })],
    ['deleted', 'api_key_missing', (key) => bench.gateway.call(apiKeys.delete, { key })],
    ['rotated', 'api_key_rotated', (key) => bench.gateway.call(apiKeys.rotate, { key, overlapSeconds: 0 })],
    [
      'not to be used from there',
      'address_not_allowed',
      (key) => bench.gateway.call(apiKeys.update, { key, policy: { allowedAddresses: ['10.0.0.0/8'] } }),
    ],
  ];

  it.each(ends)('%s: one at rest is closed at once with 1008', async (_name, reason, end) => {
    const { name, client } = await bench.withKey();
    const neighbour = await bench.withKey();
    await end(name);
    expect(await client.closed).toEqual({ code: 1008, reason });
    neighbour.client.turn();
    expect((await neighbour.client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it.each(ends)('%s: a running turn finishes, what waits is not begun, then 1008', async (_name, reason, end) => {
    const { name, client } = await bench.withKey();
    await bench.runTurn(client);
    client.turn();
    const before = bench.anna.counters.requests;
    await end(name);
    expect(await bench.finishTurn(client)).toMatchObject({ type: 'response.completed' });
    expect(await client.closed).toEqual({ code: 1008, reason });
    expect(bench.anna.counters.requests).toBe(before);
  });

  it.each<[string, string, (key: string) => Promise<unknown>]>([
    [
      'expires',
      'api_key_expired',
      (key) =>
        bench.gateway.call(apiKeys.update, {
          key,
          expiresAt: new Date(bench.gateway.clock.now().getTime() + 60_000),
        }),
    ],
    [
      'was rotated, when the old secret ends',
      'api_key_rotated',
      (key) => bench.gateway.call(apiKeys.rotate, { key, overlapSeconds: 60 }),
    ],
  ])('whose key %s by the clock: at rest at that moment, else after the running turn', async (_name, reason, end) => {
    const { name, secret, client } = await bench.withKey();
    const busy = await bench.open(secret);
    await end(name);
    await bench.runTurn(busy);
    bench.gateway.clock.advance(60_000);
    expect(await client.closed).toEqual({ code: 1008, reason });
    expect(client.received).toEqual([]);
    busy.turn();
    expect(await bench.finishTurn(busy)).toMatchObject({ type: 'response.completed' });
    expect(await busy.closed).toEqual({ code: 1008, reason });
  });

  it('with its Pool disabled as well', async () => {
    await bench.gateway.call(pools.create, { name: 'Elsewhere', routing: {} });
    const { name, client, secret } = await bench.withKey();
    await bench.gateway.call(apiKeys.update, { key: name, pool: 'elsewhere' });
    client.turn();
    // The turn goes to the Pool that the key points to now, which has no accounts.
    expect(await client.next()).toMatchObject({ type: 'error', error: { code: 'pool_has_no_accounts' } });
    await bench.gateway.call(pools.disable, { pool: 'elsewhere' });
    expect(await client.closed).toEqual({ code: 1008, reason: 'api_key_missing' });
    expect((await handshakeRefusal(bench.gateway, secret)).status).toBe(401);
  });

  it('but a change of its policy does not: the next turn has the new one', async () => {
    const { name, client } = await bench.withKey();
    await bench.gateway.call(apiKeys.update, { key: name, policy: { allowedModels: ['gpt-6.1-sol'] } });
    client.turn();
    expect(await client.next()).toMatchObject({ type: 'error', status: 400, error: { code: 'model_not_allowed' } });
    await bench.gateway.call(apiKeys.update, { key: name, policy: { allowedModels: null } });
    client.turn();
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });
});

it('leaves sound books', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
