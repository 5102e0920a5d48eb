import { createServer, request as sendRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import type { Form, FormLimits } from '../gateway/media/form.ts';
import type { BodyRoom } from '../gateway/admission/body-room.ts';
import { createByteBudget } from '../lib/byte-budget.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { readForm } from './read-form.ts';

const boundary = 'b0undary';
const limits: FormLimits = {
  maxBytes: 4_000,
  maxFields: 3,
  maxFieldBytes: 100,
  maxFileBytes: 1_000,
  maxFilesBytes: 1_500,
  files: {
    file: { count: 1, param: 'file' },
    image: { count: 2, param: 'image' },
    'image[]': { count: 2, param: 'image' },
  },
};

let server: Server;
let room: BodyRoom;
const clock = createMovableClock(systemClock);
/** How the newest reading ended. */
let ended: Promise<Form | GatewayError>;

beforeEach(async () => {
  room = createByteBudget({ maxBytes: () => 2 ** 30 }).open('key');
  server = createServer((request, response) => {
    ended = readForm(request, { limits, clock, pauseMs: 5_000, room }).catch((error: unknown) => error as GatewayError);
    void ended.then((end) => response.end(end instanceof GatewayError ? end.code : 'read'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const field = (name: string, value: string) =>
  Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
const file = (name: string, bytes: number) =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"; filename="own name.wav"\r\n\r\n`),
    Buffer.alloc(bytes, 0x61),
    Buffer.from('\r\n'),
  ]);
const last = Buffer.from(`--${boundary}--\r\n`);

async function send(parts: readonly Buffer[], headers: Record<string, string> = {}) {
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers },
    body: Buffer.concat(parts),
  });
  await answer.text();
  return ended;
}

const codeOf = (end: Form | GatewayError) => (end instanceof GatewayError ? [end.code, end.param] : 'read');

describe('a form', () => {
  it('is its fields and files, whatever order they come in', async () => {
    const form = (await send([field('model', 'm'), file('file', 3), field('empty', ''), last])) as Form;
    expect(form.fields).toEqual([
      ['model', 'm'],
      ['empty', ''],
    ]);
    expect(form.files).toEqual([{ param: 'file', name: 'own name.wav', bytes: Buffer.from('aaa') }]);
  });

  it.each([
    ['a file', [file('file', 1_000), last], 'read'],
    ['a file of one byte more', [file('file', 1_001), last], ['payload_too_large', 'file']],
    ['files together', [file('image', 800), file('image[]', 700), last], 'read'],
    ['files together, one byte more', [file('image', 800), file('image[]', 701), last], ['payload_too_large', 'image']],
    ['a field', [field('a', 'x'.repeat(99)), last], 'read'],
    ['a field of more', [field('a', 'x'.repeat(101)), last], ['payload_too_large', undefined]],
    ['three fields', ['a', 'b', 'c'].map((name) => field(name, '1')).concat(last), 'read'],
    ['four fields', ['a', 'b', 'c', 'd'].map((name) => field(name, '1')).concat(last), ['invalid_request', undefined]],
    ['one file too many', [file('file', 1), file('file', 1), last], ['invalid_request', 'file']],
    [
      'one image too many, under two names',
      [file('image', 1), file('image[]', 1), file('image', 1), last],
      ['invalid_request', 'image'],
    ],
    ['a file nobody asked for', [file('other', 1), last], ['invalid_request', undefined]],
    ['a file named like a method', [file('toString', 1), last], ['invalid_request', undefined]],
    ['a form that breaks off', [file('file', 10)], ['invalid_request', undefined]],
    ['no form', [Buffer.from('{}')], ['invalid_request', undefined]],
  ])('with %s is judged while it arrives', async (_what, parts, expected) => {
    expect(codeOf(await send(parts))).toEqual(expected);
  });

  it('larger than may be is refused by what it announces', async () => {
    expect(codeOf(await send([Buffer.alloc(4_001)]))).toEqual(['payload_too_large', undefined]);
  });

  it.each([
    [{ 'content-type': 'application/json' }],
    [{ 'content-type': 'multipart/form-data' }],
    [{ 'content-encoding': 'gzip' }],
  ])('sent with %j is none', async (headers) => {
    expect(codeOf(await send([field('a', '1'), last], headers))).toEqual(['invalid_request', undefined]);
  });

  it('whose client leaves, or falls silent, is let go', async () => {
    for (const [leave, code] of [
      [(socket: { destroy(): void }) => socket.destroy(), 'client_disconnected'],
      [() => clock.advance(5_000), 'request_body_timeout'],
    ] as const) {
      const { port } = server.address() as AddressInfo;
      const arrived = new Promise<void>((resolve) => server.once('request', () => resolve()));
      const sent = sendRequest({
        port,
        host: '127.0.0.1',
        method: 'POST',
        headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      });
      sent.on('error', () => undefined);
      sent.write(file('file', 500).subarray(0, 300));
      await arrived;
      leave(sent);
      expect(codeOf(await ended)).toEqual([code, undefined]);
      sent.destroy();
    }
  });
});

describe('the room for all bodies', () => {
  it('counts a form as it comes', async () => {
    const parts = [file('file', 900), last];
    await send(parts);
    expect(room.bytes).toBe(Buffer.concat(parts).length);
  });

  it('refuses one that finds no room, and one that never can', async () => {
    const budget = createByteBudget({ maxBytes: () => 8_000 });
    budget.open('other').hold(4_000);
    room = budget.open('key');
    expect(await send([file('image', 950), file('image', 540), field('prompt', 'a'), last])).toMatchObject({
      files: [{}, {}],
    });
    room.hold(0);
    room = budget.open('key');
    budget.open('third').hold(2_000);
    expect(await send([file('image', 950), file('image', 540), field('prompt', 'a'), last])).toMatchObject({
      code: 'server_is_overloaded',
    });
    room = createByteBudget({ maxBytes: () => 1_800 }).open('key');
    expect(await send([file('image', 950), last])).toMatchObject({ code: 'payload_too_large' });
  });
});
