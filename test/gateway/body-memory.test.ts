/** What clients send while it arrives, waits and is served: together it takes no more memory than is set. */
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codexBody } from '../support/codex-request.ts';
import { openRawWebsocket } from '../support/raw-websocket.ts';
import { openCodex, type RawCall } from '../support/raw-codex.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import { until } from '../support/until.ts';

/** Nobody may hold more than three quarters of three quarters: 576 KiB. */
const memory = 2 ** 20;
const kibibyte = 1024;
const native = '/backend-api/codex/responses';

let bench: SocketBench;
let keys: { large: string; small: string };
const open: { leave(): void }[] = [];

beforeAll(async () => {
  bench = await socketBench();
  keys = { large: (await bench.key()).secret, small: (await bench.key()).secret };
  await bench.gateway.change({ 'gateway.body_memory_bytes': memory });
});
afterEach(async () => {
  for (const call of open.splice(0)) call.leave();
  bench.rest();
  await untilNothingHeld();
});
afterAll(() => bench.stop());

/** Sends all of a body but its end. */
function begin(key: string, { path, kibibytes }: { path: string; kibibytes: number }): RawCall {
  const bytes = kibibytes * kibibyte;
  const call = openCodex(bench.gateway, key, { path, announcedBytes: bytes + 1, body: ' '.repeat(bytes) });
  open.push(call);
  return call;
}

/** A websocket that is sent whatever bytes a test wants. */
async function rawSocket() {
  const socket = await openRawWebsocket(bench.gateway, keys.small);
  open.push(socket);
  return socket;
}

const whole = (kibibytes: number) => {
  const empty = codexBody({ text: '' });
  return codexBody({ text: 'x'.repeat(kibibytes * kibibyte - empty.length) });
};

/** Whether a body of this size would be let in now. It is announced only, so asking takes no memory. */
async function hasRoom(key: string, kibibytes: number): Promise<boolean> {
  const asking = httpRequest(`${bench.gateway.url}${native}`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': kibibytes * kibibyte,
      expect: '100-continue',
    },
  });
  asking.on('error', () => undefined);
  const told = new Promise<boolean>((resolve) => {
    asking.once('continue', () => resolve(true));
    asking.once('response', () => resolve(false));
  });
  asking.flushHeaders();
  const isLetIn = await told;
  asking.destroy();
  return isLetIn;
}

/** What a key may have when nothing is held, and not a byte more. */
const untilNothingHeld = () => until(() => hasRoom(keys.large, 576));
/** Resolves once so much is held that a body of this size finds no room. */
const untilFull = (key: string, kibibytes: number) => until(async () => !(await hasRoom(key, kibibytes)));

describe('bodies that arrive slowly', () => {
  it('fill the memory and no more: the next large one is refused, in the words of its surface', async () => {
    begin(keys.large, { path: native, kibibytes: 300 });
    await untilFull(keys.large, 352);
    begin(keys.large, { path: '/v1/responses', kibibytes: 300 });
    await untilFull(keys.large, 127);
    expect(await hasRoom(keys.large, 125)).toBe(true);
    const refused = await begin(keys.large, { path: native, kibibytes: 300 }).answer;
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error: { type: 'server_error', code: 'server_is_overloaded', param: null },
    });
    const told = await begin(keys.large, { path: '/v1/chat/completions', kibibytes: 300 }).answer;
    expect(told.status).toBe(503);
    expect(Number(told.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(told.body.toString())).toMatchObject({ error: { code: 'server_is_overloaded' } });
  });

  it('keep no small one out, of their own key or of another', async () => {
    for (let count = 0; count < 6; count += 1) begin(keys.large, { path: native, kibibytes: 300 });
    await untilFull(keys.large, 200);
    for (const key of [keys.large, keys.small]) {
      const { status } = await openCodex(bench.gateway, key, { body: whole(8) }).answer;
      expect(status).toBe(200);
    }
  });

  it('give their memory back when their clients leave, and when they are refused', async () => {
    for (let count = 0; count < 6; count += 1) begin(keys.large, { path: '/v1/responses', kibibytes: 300 });
    await untilFull(keys.large, 200);
    for (const call of open.splice(0)) call.leave();
    await untilNothingHeld();
  });
});

it('a body that is larger than ever fits is told so, once unpacked as well', async () => {
  const plain = await openCodex(bench.gateway, keys.large, { body: whole(577) }).answer;
  expect(JSON.parse(plain.body.toString())).toMatchObject({ error: { code: 'payload_too_large' } });
  const packed = await fetch(`${bench.gateway.url}/v1/responses`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys.large}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    },
    body: gzipSync(whole(577)),
  });
  expect(await packed.json()).toMatchObject({ error: { code: 'decompressed_request_too_large' } });
});

it('a file that is uploaded takes the same memory', async () => {
  begin(keys.large, { path: native, kibibytes: 550 });
  await untilFull(keys.small, 270);
  const form = new FormData();
  form.append('purpose', 'user_data');
  form.append('file', new Blob([Buffer.alloc(400 * kibibyte)]), 'file.txt');
  const headers = { authorization: `Bearer ${keys.small}` };
  const answer = await fetch(`${bench.gateway.url}/v1/files`, { method: 'POST', headers, body: form });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: 'server_is_overloaded' } });
});

/** How a call may come to its end, each with a body of some size. */
const endings: Record<string, (key: string, kibibytes: number) => Promise<unknown>> = {
  'served over HTTP': (key, kibibytes) => openCodex(bench.gateway, key, { body: whole(kibibytes) }).answer,
  'refused for what it says': (key, kibibytes) =>
    openCodex(bench.gateway, key, { body: ' '.repeat(kibibytes * kibibyte) }).answer,
  'refused for its model': (key, kibibytes) =>
    openCodex(bench.gateway, key, { body: whole(kibibytes).replace('gpt-5.5', 'gpt-none') }).answer,
  'left in the midst of its body': async (key, kibibytes) => {
    const call = begin(key, { path: native, kibibytes });
    await new Promise(setImmediate);
    call.leave();
  },
  'left while it is served': async (key, kibibytes) => {
    const call = openCodex(bench.gateway, key, { body: whole(kibibytes) });
    await new Promise(setImmediate);
    call.leave();
  },
  'left in the midst of a message': async (_key, kibibytes) => {
    const socket = await rawSocket();
    socket.send({ opcode: 1, isLast: false, payload: Buffer.alloc(kibibytes * kibibyte, 0x20) });
    await new Promise(setImmediate);
    socket.leave();
  },
  'sent over a websocket, and left': async (_key, kibibytes) => {
    const socket = await rawSocket();
    socket.send({ opcode: 1, payload: `{"type":"response.create",${whole(kibibytes).slice(1)}` });
    await new Promise(setImmediate);
    socket.leave();
  },
};

it('whatever becomes of calls, in whatever order, nothing is held in the end', async () => {
  const call = fc.record({
    ending: fc.constantFrom(...Object.keys(endings)),
    kibibytes: fc.integer({ min: 4, max: 300 }),
    isLarge: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), async (calls) => {
      await Promise.all(
        calls.map(async ({ ending, kibibytes, isLarge }) => {
          await endings[ending]?.(isLarge ? keys.large : keys.small, kibibytes).catch(() => undefined);
        }),
      );
      await untilNothingHeld();
    }),
    { numRuns: 15 },
  );
});

describe('a websocket', () => {
  it('is refused the rest of a message that finds no room, and closed with 1013', async () => {
    begin(keys.large, { path: native, kibibytes: 550 });
    await untilFull(keys.small, 270);
    const client = await rawSocket();
    for (let count = 0; count < 9; count += 1)
      client.send({ opcode: count === 0 ? 1 : 0, isLast: false, payload: Buffer.alloc(50 * kibibyte, 0x20) });
    const { payload } = await client.next();
    expect(JSON.parse(payload.toString())).toMatchObject({
      type: 'error',
      status: 503,
      error: { code: 'server_is_overloaded' },
      headers: { 'retry-after': '1' },
    });
    expect(await client.closed).toBe(1013);
    // It never answers the close, and what it still sends is heard by nobody.
    client.send({ opcode: 0, isLast: false, payload: Buffer.alloc(50 * kibibyte, 0x20) });
    await expect(client.next()).resolves.toMatchObject({ opcode: 8 });
    await until(() => (bench.gateway.clock.advance(1_000), hasRoom(keys.small, 264)));
  });

  it('takes memory while a message arrives and while its turn runs, and none at rest', async () => {
    const { client } = await bench.withKey();
    await bench.runTurn(client);
    await bench.finishTurn(client);
    const frame = `{"type":"response.create",${whole(500).slice(1)}`;
    client.send(frame);
    expect((await client.answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    await untilNothingHeld();
    const raw = await rawSocket();
    raw.send({ opcode: 1, isLast: false, payload: Buffer.alloc(500 * kibibyte, 0x20) });
    await untilFull(keys.small, 250);
    raw.leave();
    await untilNothingHeld();
  });

  it('does not count its pings as a message', async () => {
    const client = await rawSocket();
    for (let count = 0; count < 100; count += 1) {
      client.send(...Array.from({ length: 50 }, () => ({ opcode: 9, payload: Buffer.alloc(125) })));
      for (let pong = 0; pong < 50; pong += 1) expect((await client.next()).opcode).toBe(10);
    }
    expect(await hasRoom(keys.large, 576)).toBe(true);
  });
});
