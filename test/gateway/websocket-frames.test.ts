/** Frames as no well-behaved client sends them, and as all may: what is served, and with which code the rest ends. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codexBody } from '../support/codex-request.ts';
import { faultsAfterAll, soundBooks } from '../support/ledger.ts';
import { openRawWebsocket, type RawFrame, type RawWebsocket } from '../support/raw-websocket.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';

let bench: SocketBench;
let secret: string;
let client: RawWebsocket;
beforeAll(async () => {
  bench = await socketBench();
  ({ secret } = await bench.key());
});
afterAll(() => bench.stop());
afterEach(() => {
  client.leave();
  bench.rest();
});

const [onward, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10];
const turn = (words: string) => `{"type":"response.create",${codexBody({ text: words }).slice(1)}`;
const warmUp = JSON.stringify({ type: 'response.create', generate: false, model: 'gpt-5.5' });
/** The payload of a close. */
const saying = (code: number, reason: Buffer | string = '') => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return Buffer.concat([bytes, Buffer.from(reason)]);
};
/** Cut into so many pieces. */
function pieces(message: Buffer | string, count: number): RawFrame[] {
  const bytes = Buffer.from(message);
  const size = Math.ceil(bytes.length / count);
  return Array.from({ length: count }, (_each, index) => ({
    opcode: index === 0 ? text : onward,
    payload: bytes.subarray(index * size, (index + 1) * size),
    isLast: index === count - 1,
  }));
}

async function open(): Promise<void> {
  client = await openRawWebsocket(bench.gateway, secret);
}

/** The events of the next answer. */
async function answer(): Promise<Record<string, unknown>[]> {
  const events: Record<string, unknown>[] = [];
  for (;;) {
    const { payload } = await client.next({ passing: [ping, pong] });
    const event = JSON.parse(payload.toString('utf8')) as Record<string, unknown>;
    events.push(event);
    if (/^(?:response\.(?:completed|failed|incomplete)|error)$/.test(String(event['type']))) return events;
  }
}

describe('a connection ends', () => {
  it.each<[number, string, RawFrame[]]>([
    [1002, 'that masks nothing', [{ opcode: text, payload: warmUp, isMasked: false }]],
    [1002, 'that uses a bit which nobody agreed on', [{ opcode: text, payload: warmUp, reserved: 4 }]],
    [1002, 'of a kind that does not exist', [{ opcode: 3, payload: warmUp }]],
    [1002, 'of a control kind that does not exist', [{ opcode: 11 }]],
    [1002, 'that goes on from nothing', [{ opcode: onward, payload: warmUp }]],
    [1002, 'that begins within a message', [{ opcode: text, payload: '{', isLast: false }, { opcode: text }]],
    [1002, 'that is half a ping', [{ opcode: ping, isLast: false }]],
    [1002, 'that is a ping of 126 bytes', [{ opcode: ping, payload: Buffer.alloc(126) }]],
    [1002, 'that is a close of one byte', [{ opcode: close, payload: 'x' }]],
    [1002, 'that is a close of 126 bytes', [{ opcode: close, payload: saying(1000, 'x'.repeat(124)) }]],
    [1003, 'that is binary', [{ opcode: binary, payload: warmUp }]],
    [1003, 'that is binary and empty', [{ opcode: binary }]],
    [1007, 'that is no UTF-8', [{ opcode: text, payload: Buffer.from([0x22, 0xff, 0x22]) }]],
    [1007, 'that ends within a letter', [{ opcode: text, payload: Buffer.from('é').subarray(0, 1) }]],
    [1007, 'that is a close whose reason is no UTF-8', [{ opcode: close, payload: saying(1000, Buffer.from([0xff])) }]],
    [1008, 'that is one of very many of a message', pieces(' '.repeat(20_000), 20_000)],
  ])('with %i after a frame %s, and nothing is asked', async (code, _name, frames) => {
    await open();
    const before = bench.anna.counters.requests;
    client.send(...frames, { opcode: text, payload: turn('too late') });
    expect(await client.closed).toBe(code);
    expect(bench.anna.counters.requests).toBe(before);
    await open();
    client.send({ opcode: text, payload: warmUp });
    expect(await answer()).toHaveLength(2);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])(
    'with 1002 after a goodbye with the code %i, which nobody may say',
    async (code) => {
      await open();
      client.send({ opcode: close, payload: saying(code) });
      expect(await client.closed).toBe(1002);
    },
  );

  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])(
    'after a goodbye with the code %i, which is said back',
    async (code) => {
      await open();
      client.send({ opcode: close, payload: saying(code, 'x'.repeat(123)) });
      expect(await client.closed).toBe(code);
    },
  );

  it('after a goodbye without a code, which is said back, and what follows is not read', async () => {
    await open();
    const before = bench.anna.counters.requests;
    client.send({ opcode: close }, { opcode: text, payload: turn('too late') });
    expect(await client.closed).toBe(1005);
    expect(bench.anna.counters.requests).toBe(before);
  });
});

describe('a message', () => {
  it.each([2, 3, 100, 1_000])('in %i pieces, some of them within a letter, is served as one', async (count) => {
    await open();
    client.send(...pieces(turn('Grüße 🚀🚀🚀'.repeat(100)), count));
    expect((await answer()).at(-1)).toMatchObject({ type: 'response.completed' });
    expect(JSON.stringify(bench.gateway.sandbox.requests.at(-1)?.json())).toContain('Grüße 🚀🚀🚀');
  });

  it('with pings, pongs and empty pieces between its own is served, and each ping answered at once', async () => {
    await open();
    const [first, ...others] = pieces(warmUp, 3);
    client.send(first!, { opcode: ping, payload: 'one' }, { opcode: onward, isLast: false });
    expect(await client.next()).toEqual(expect.objectContaining({ opcode: pong, payload: Buffer.from('one') }));
    client.send({ opcode: pong, payload: 'nobody asked' }, ...others);
    expect((await answer()).at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it.each([
    ['empty', ''],
    ['a blank', ' '],
    ['null', 'null'],
    ['a number', '1'],
    ['cut', warmUp.slice(0, -1)],
    ['two objects', `${warmUp}${warmUp}`],
  ])('that is %s is refused, and the next is served', async (_name, payload) => {
    await open();
    client.send({ opcode: text, payload }, { opcode: text, payload: warmUp });
    expect(await answer()).toMatchObject([{ type: 'error', status: 400, error: { code: 'invalid_request' } }]);
    expect(await answer()).toHaveLength(2);
  });

  it('that is empty and in pieces is refused as well', async () => {
    await open();
    client.send({ opcode: text, isLast: false }, { opcode: onward, isLast: false }, { opcode: onward });
    expect(await answer()).toMatchObject([{ type: 'error', status: 400 }]);
  });
});

it('a ping of any size that may be brings the same back', async () => {
  await open();
  for (const size of [0, 1, 125]) {
    const payload = Buffer.alloc(size, 'p');
    client.send({ opcode: ping, payload });
    expect((await client.next()).payload).toEqual(payload);
  }
});

it('a client that pings without end and reads nothing is cut off', async () => {
  await open();
  client.stopReading();
  const pings = Array.from({ length: 10_000 }, (): RawFrame => ({ opcode: ping, payload: Buffer.alloc(125) }));
  for (let megabytes = 0; megabytes < 80; megabytes += 1) client.send(...pings);
  expect(await client.closed).toBe(1006);
});

it('leaves sound books', async () => {
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
