/** Turns that their client names: none is served twice, whatever became of the connection it was asked over. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import type { Frame, SocketClient } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const repeated = { type: 'error', status: 409, error: { code: 'duplicate_turn', param: 'request_id' } };
const completed = { type: 'response.completed' };
const rows = async () => (await requestIds(bench.gateway)).size;

async function end(client: SocketClient, extra: Record<string, unknown>): Promise<Frame | undefined> {
  client.turn({ extra });
  return (await client.answer()).at(-1);
}

describe('a turn that was asked before', () => {
  it('is refused on the same socket, leaves no row, and the next is served', async () => {
    const { client } = await bench.withKey();
    const known = await rows();
    for (const id of ['t1', 't1', 't2']) client.turn({ extra: { request_id: id } });
    const ends = [await client.answer(), await client.answer(), await client.answer()].map((each) => each.at(-1));
    expect(ends).toMatchObject([completed, repeated, completed]);
    expect(await rows()).toBe(known + 2);
  });

  it('is refused to a client that comes back, by either name of the field', async () => {
    const { client, secret } = await bench.withKey();
    expect(await end(client, { turn_id: 't1' })).toMatchObject(completed);
    client.leave();
    const again = await bench.open(secret);
    expect(await end(again, { turn_id: 't1' })).toMatchObject(repeated);
    expect(await end(again, { request_id: 't1' })).toMatchObject(repeated);
    expect(await end(again, { request_id: 't2' })).toMatchObject(completed);
  });

  it('is refused while it still runs for a connection that is believed to live', async () => {
    const { client, secret } = await bench.withKey();
    const known = await requestIds(bench.gateway);
    bench.anna.answers({ behaviour: 'F8', at: 'created' });
    const arrived = bench.gateway.sandbox.nextRequest({ account: 'anna', kind: 'frame' });
    client.turn({ extra: { request_id: 't1' } });
    await arrived;
    const again = await bench.open(secret);
    expect(await end(again, { request_id: 't1' })).toMatchObject(repeated);
    client.leave();
    expect(await newRow(bench.gateway, known)).toMatchObject({ errorCode: 'client_disconnected' });
    expect(await rows()).toBe(known.size + 1);
  });

  it('is refused by another process, and by one that started since', async () => {
    const { client, secret } = await bench.withKey();
    expect(await end(client, { request_id: 't1' })).toMatchObject(completed);
    const other = await bench.installation.open();
    const elsewhere = await bench.open(secret, {}, other);
    expect(await end(elsewhere, { request_id: 't1' })).toMatchObject(repeated);
    elsewhere.leave();
    await other.stop();
  });
});

describe('the name of a turn', () => {
  it('belongs to its key: another key may use the same', async () => {
    const [first, second] = [await bench.withKey(), await bench.withKey()];
    expect(await end(first.client, { request_id: 't1' })).toMatchObject(completed);
    expect(await end(second.client, { request_id: 't1' })).toMatchObject(completed);
  });

  it('stays free when nothing was asked in it, so a client may send everything under it', async () => {
    const { client } = await bench.withKey();
    const refused = { error: { code: 'previous_response_not_found' } };
    expect(await end(client, { request_id: 't1', previous_response_id: 'resp_1' })).toMatchObject(refused);
    expect(await end(client, { request_id: 't1' })).toMatchObject(completed);
    expect(await end(client, { request_id: 't1' })).toMatchObject(repeated);
  });
});

it('leaves sound books', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
