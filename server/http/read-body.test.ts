/** One file, since every test sends its body, whole or in pieces, to one server that reads it (`send` and `dial`, below). */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import type { BodyRoom } from '../gateway/admission/body-room.ts';
import { createByteBudget } from '../lib/byte-budget.ts';
import { createMovableClock, type MovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { readBody, type BodyLimits } from './read-body.ts';

const encoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: gzipSync,
  deflate: deflateSync,
  zstd: zstdCompressSync,
};
const encoded = (encoding: string, body: Buffer) => encoders[encoding]?.(body) ?? body;
const text = Buffer.from(JSON.stringify({ model: 'gpt-5.5', input: 'hällo '.repeat(500) }));
const roomy: BodyLimits = { maxCompressedBytes: 100_000, maxBytes: 1_000_000, maxRatio: 200, pauseMs: 10_000 };

let clock: MovableClock;
let limits: BodyLimits;
let room: BodyRoom;
/** Bytes of all bodies together. */
let maxHeld: number;
let server: ReturnType<typeof createServer>;
let arrived: Promise<Arrival>;

/** What became of a body on the server's side. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly outcome: Promise<Buffer | GatewayError>;
}

beforeEach(async () => {
  clock = createMovableClock(systemClock);
  limits = roomy;
  maxHeld = 2 ** 31;
  room = createByteBudget({ maxBytes: () => maxHeld }).open('key');
  const arrival = Promise.withResolvers<Arrival>();
  arrived = arrival.promise;
  server = createServer((request, response) => {
    const outcome = readBody(request, { limits, clock, room }).catch((error: unknown) => {
      if (error instanceof GatewayError) return error;
      throw error;
    });
    arrival.resolve({ request, outcome });
    void outcome.then((read) => answer(response, read));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('a body', () => {
  it.each([
    ['plain', undefined, text],
    ['identity', 'identity', text],
    ['gzip', 'gzip', gzipSync(text)],
    ['gzip in capitals', ' GZIP ', gzipSync(text)],
    ['x-gzip', 'x-gzip', gzipSync(text)],
    ['deflate', 'deflate', deflateSync(text)],
    ['zstd', 'zstd', zstdCompressSync(text)],
    ['gzip, then zstd', 'gzip, zstd', zstdCompressSync(gzipSync(text))],
    ['gzip twice', 'gzip, identity, gzip', gzipSync(gzipSync(text))],
  ])('sent as %s is read as it was', async (_name, encoding, body) => {
    expect(await send(body, { encoding })).toEqual({ status: 200, body: { bytes: text.length } });
    expect(await (await arrived).outcome).toEqual(text);
  });

  it('may be empty', async () => {
    expect(await send(Buffer.alloc(0))).toEqual({ status: 200, body: { bytes: 0 } });
  });

  it.each(['br', 'compress', 'gzip, br', 'gzip, gzip, gzip, gzip', 'constructor', '__proto__', 'toString', 'utf-8'])(
    'sent as %s is refused without being read',
    async (encoding) => {
      const body = encoding === 'br' ? brotliCompressSync(text) : text;
      expect(await send(body, { encoding })).toMatchObject({ body: { code: 'unsupported_content_encoding' } });
    },
  );

  it.each(['gzip', 'deflate', 'zstd'])('that is no %s, or half of one, is refused as invalid', async (encoding) => {
    const whole = encoded(encoding, text);
    expect(await send(text, { encoding })).toMatchObject({ body: { code: 'invalid_request' } });
    const half = await send(whole.subarray(0, whole.length - 12), { encoding });
    expect(half.body).not.toEqual({ bytes: text.length });
  });
});

describe('the limit of a plain body', () => {
  it.each(['with its length', 'in chunks'])('takes the last byte and not one more, sent %s', async (how) => {
    const chunked = how === 'in chunks';
    limits = { ...roomy, maxBytes: text.length };
    expect(await send(text, { chunked })).toMatchObject({ status: 200, body: { bytes: text.length } });
    limits = { ...roomy, maxBytes: text.length - 1 };
    expect(await send(text, { chunked })).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large', detail: `The limit is ${text.length - 1} bytes.` },
    });
  });

  it('is told by the announced length before a byte is read', async () => {
    const socket = await dial();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${roomy.maxBytes + 1}\r\n\r\n`);
    expect(String((await once(socket, 'data'))[0])).toContain('payload_too_large');
    socket.destroy();
  });
});

describe('the limits of a compressed body', () => {
  it.each(['gzip', 'deflate', 'zstd'])('take the last byte on the wire and not one more (%s)', async (encoding) => {
    const body = encoded(encoding, text);
    for (const chunked of [true, false]) {
      limits = { ...roomy, maxCompressedBytes: body.length };
      expect(await send(body, { encoding, chunked })).toMatchObject({ body: { bytes: text.length } });
      limits = { ...roomy, maxCompressedBytes: body.length - 1 };
      expect(await send(body, { encoding, chunked })).toMatchObject({
        status: 413,
        body: { code: 'compressed_request_too_large' },
      });
    }
  });

  it.each(['gzip', 'deflate', 'zstd'])('take the last decoded byte and not one more (%s)', async (encoding) => {
    const body = encoded(encoding, text);
    limits = { ...roomy, maxBytes: text.length };
    expect(await send(body, { encoding })).toMatchObject({ body: { bytes: text.length } });
    limits = { ...roomy, maxBytes: text.length - 1 };
    expect(await send(body, { encoding })).toMatchObject({
      status: 413,
      body: { code: 'decompressed_request_too_large' },
    });
  });

  it.each(['gzip', 'deflate', 'zstd'])('stop a bomb long before its whole output exists (%s)', async (encoding) => {
    const zeros = Buffer.alloc(64 * 2 ** 20);
    const bomb = encoded(encoding, zeros);
    limits = { ...roomy, maxCompressedBytes: 2 ** 30, maxBytes: 2 ** 30, maxRatio: 20 };
    const before = process.memoryUsage();
    expect(await send(bomb, { encoding })).toMatchObject({ body: { code: 'decompression_ratio_exceeded' } });
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 2 ** 20);
  });

  it('take no zstd that makes its decoder hold more than 8 MiB', async () => {
    limits = { ...roomy, maxBytes: 2 ** 30 };
    // A frame of one plain block (RFC 8878 §3.1.1), which names its window.
    const withWindow = (windowLog: number) => {
      const block = Buffer.alloc(3);
      block.writeUIntLE((text.length << 3) | 1, 0, 3);
      return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]), block, text]);
    };
    expect(await send(withWindow(23), { encoding: 'zstd' })).toMatchObject({ body: { bytes: text.length } });
    expect(await send(withWindow(24), { encoding: 'zstd' })).toMatchObject({ body: { code: 'invalid_request' } });
  });

  it('let a small body expand as it likes', async () => {
    const zeros = Buffer.alloc(2 ** 20, 0x20);
    limits = { ...roomy, maxBytes: 2 ** 20, maxRatio: 2 };
    expect(await send(gzipSync(zeros), { encoding: 'gzip' })).toMatchObject({ body: { bytes: 2 ** 20 } });
  });
});

describe('the room for all bodies', () => {
  it.each([undefined, 'gzip', 'deflate', 'zstd'])('counts what is kept of a body (%s)', async (encoding) => {
    const body = encoding ? encoded(encoding, text) : text;
    for (const chunked of [true, false]) {
      await send(body, { encoding, chunked });
      expect(room.bytes).toBe(text.length);
      room.hold(0);
    }
  });

  it.each([undefined, 'gzip'])('that is used up refuses what is left of a body as overload (%s)', async (encoding) => {
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_each, index) => (index * index * 31) % 251));
    maxHeld = 64_000;
    const budget = createByteBudget({ maxBytes: () => maxHeld });
    budget.open('other').hold(30_000);
    room = budget.open('key');
    const answered = await send(encoding ? gzipSync(noise) : noise, { encoding, chunked: true });
    expect(answered).toMatchObject({ status: 503, body: { code: 'server_is_overloaded' } });
    expect(room.bytes).toBeLessThanOrEqual(20_000);
    room.leave();
    expect(budget.heldBytes).toBe(30_000);
  });

  it('refuses a body whose announced length finds no room before a byte of it is read', async () => {
    const budget = createByteBudget({ maxBytes: () => 64_000 });
    budget.open('other').hold(30_000);
    room = budget.open('key');
    const socket = await dial();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n`);
    expect(String((await once(socket, 'data'))[0])).toContain('server_is_overloaded');
    socket.destroy();
  });

  it('bounds what one body may ever be: asking again would not help a larger one', async () => {
    maxHeld = 16_000;
    expect(await send(Buffer.alloc(9_000))).toMatchObject({ status: 200 });
    expect(await send(Buffer.alloc(9_001))).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large', detail: 'The limit is 9000 bytes.' },
    });
  });
});

describe('a client that sends slowly', () => {
  it.each([undefined, 'gzip'])('is told so after the longest pause, and can read it (%s)', async (encoding) => {
    const socket = await dial();
    const header = encoding ? `content-encoding: ${encoding}\r\n` : '';
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${header}content-length: 1000\r\n\r\n`);
    socket.write(gzipSync(text).subarray(0, 20));
    const { request } = await arrived;
    if (request.readableFlowing === null) await once(request, 'resume');
    await new Promise(setImmediate);
    clock.advance(10_000);
    expect(String((await once(socket, 'data'))[0])).toContain('request_body_timeout');
    socket.destroy();
  });

  it('is given the whole pause again with every piece', async () => {
    const socket = await dial();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${text.length}\r\n\r\n`);
    const { request, outcome } = await arrived;
    for (let at = 0; at < text.length; at += 1_000) {
      const piece = once(request, 'data');
      socket.write(text.subarray(at, at + 1_000));
      await piece;
      clock.advance(9_000);
    }
    expect(await outcome).toEqual(text);
    socket.destroy();
  });
});

describe('a client that leaves in the middle', () => {
  it.each([undefined, 'gzip', 'zstd'])('ends the reading at once (%s)', async (encoding) => {
    const socket = await dial();
    const header = encoding ? `content-encoding: ${encoding}\r\n` : '';
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${header}content-length: 100000\r\n\r\n`);
    socket.write(encoding === 'zstd' ? zstdCompressSync(text).subarray(0, 30) : gzipSync(text).subarray(0, 30));
    const { outcome } = await arrived;
    socket.destroy();
    expect(await outcome).toMatchObject({ code: 'client_disconnected' });
  });
});

it('a connection goes on after a body that was refused in the middle', async () => {
  limits = { ...roomy, maxBytes: 1_000 };
  const socket = await dial();
  const chunk = `${(500).toString(16)}\r\n${'x'.repeat(500)}\r\n`;
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  socket.write(chunk.repeat(3));
  expect(String((await once(socket, 'data'))[0])).toContain('payload_too_large');
  socket.write(`${chunk.repeat(50)}0\r\n\r\n`);
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
  expect(String((await once(socket, 'data'))[0])).toContain('"bytes":2');
  socket.destroy();
});

function answer(response: ServerResponse, read: Buffer | GatewayError): void {
  const body = read instanceof GatewayError ? { code: read.code, detail: read.detail } : { bytes: read.length };
  response.writeHead(read instanceof GatewayError ? read.row.status : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function send(
  body: Buffer,
  { encoding, chunked = false }: { encoding?: string | undefined; chunked?: boolean } = {},
): Promise<{ status: number | undefined; body: unknown }> {
  const { port } = server.address() as AddressInfo;
  const sending = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    agent: false,
    headers: {
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
      ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }),
    },
  });
  // A refusal may come before all is sent; what then becomes of the rest of the body is of no account.
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sending.on('response', resolve);
    sending.on('error', reject);
  });
  sending.end(body);
  const response = await answered;
  return { status: response.statusCode, body: await json(response) };
}

async function dial(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
