/** Every address of the OpenAI surface, asked in every wrong way: the documented JSON error, soon, and nobody is asked. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { pools } from '../../server/contract/pools.ts';
import { askPublic, type Loose, type PublicAnswer } from '../support/ask-public.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { documentPaths, formPaths, publicSurface } from '../support/public-surface.ts';

let gateway: GatewayUnderTest;
let key: string;
let shut: string;
let elsewhere: string;
let paused: string;
/** Calls of the provider before the table: none of its rows may add one. */
let callsBefore: number;
const maxBytesOf = { 'gateway.max_body_bytes': 300_000, 'gateway.max_responses_body_bytes': 350_000 };

beforeAll(async () => {
  gateway = await gatewayUnderTest({
    settings: { ...maxBytesOf, 'gateway.max_compressed_body_bytes': 20_000 },
  });
  await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5'] });
  key = await gateway.key();
  await gateway.call(pools.create, { slug: 'shut', name: 'Shut', routing: { v1Compatibility: false } });
  const ask = { name: 'shut', pool: 'shut', labels: [], notes: '', expiresAt: null, policy: {} };
  shut = (await gateway.call(apiKeys.create, ask)).secret;
  elsewhere = await gateway.key({ name: 'elsewhere', policy: { allowedAddresses: ['10.0.0.1'] } });
  paused = await gateway.key({ name: 'paused' });
  await gateway.call(apiKeys.pause, { key: 'paused' });
  callsBefore = inferences();
});
afterAll(() => gateway.stop());

const inferences = () => gateway.sandbox.requests.filter(({ path }) => /responses|transcribe|files/.test(path)).length;
const errorOf = (answer: PublicAnswer) => [answer.status, answer.json()['error']?.['code']];
const unsupported = [
  '/v1',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/moderations',
  '/v1/responses/resp_1',
  '/v1/responses/resp_1/cancel',
  '/v1/responses/input_tokens',
  '/v1/chat/completions/chatcmpl_1',
  '/v1/messages',
  '/v1/audio/speech',
  '/v1/images/variations',
  '/v1/fine_tuning/jobs',
  '/v1/vector_stores',
  '/v1/threads/thread_1/runs',
  '/v1/realtime',
  '/v1/anything/else',
];

const withBodies = [...documentPaths, ...formPaths].map(({ path }) => path);
/** Unfolds to a thousand times its size. */
const bomb = gzipSync(Buffer.alloc(50_000_000));

it('is a table of every route there is', () => {
  const asked = publicSurface.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  expect([...withBodies.map((path) => `POST ${path}`), 'DELETE /v1/files/file_1'].toSorted()).toEqual(asked.toSorted());
});

describe.each([...publicSurface, ...unsupported.map((path) => ({ method: 'POST', path }))])(
  '$method $path',
  ({ method, path }) => {
    const body = method === 'GET' ? null : '{"model": broken';

    it('asks for a key before all else, and says the same of none and of a wrong one', async () => {
      const answers = await Promise.all([
        askPublic(gateway, { path, method, body }),
        askPublic(gateway, { path, method, body, key: 'sk-cxp-0123456789abcdef-wrong' }),
        askPublic(gateway, { path, method, body, headers: { authorization: 'Basic abc' } }),
        askPublic(gateway, { path, method, body, headers: { authorization: 'Bearer ' } }),
      ]);
      for (const answer of answers) {
        expect(errorOf(answer)).toEqual([401, 'invalid_api_key']);
        expect(answer.text).toBe(answers[0]?.text);
        expect(Object.keys(answer.json()['error'] ?? {})).toEqual(['message', 'type', 'param', 'code']);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        expect(answer.headers.get('content-type')).toBe('application/json');
        expect(answer.headers.get('x-request-id')).toMatch(/./);
        expect(answer.headers.get('x-should-retry')).toBe('false');
      }
    });

    it('is shut where the Pool has it switched off, before a body is read', async () => {
      expect(errorOf(await askPublic(gateway, { path, method, body, key: shut }))).toEqual([
        403,
        'v1_compatibility_disabled',
      ]);
    });

    it('is shut to a key that is paused, which is no wrong key', async () => {
      const answer = await askPublic(gateway, { path, method, body, key: paused });
      expect(errorOf(answer)).toEqual([401, 'api_key_disabled']);
    });

    it('is shut where the key may not be used from here', async () => {
      const answer = await askPublic(gateway, { path, method, body, key: elsewhere });
      expect(errorOf(answer)).toEqual([403, 'access_denied']);
    });
  },
);

it.each(['/v1/models', '/v1/models/gpt-5.5', '/v1/models?client_version=1', '/v1/usage', '/v1/files'])(
  'GET %s has an id of its own, as every answer has',
  async (path) => {
    const [one, other] = [await askPublic(gateway, { path, key }), await askPublic(gateway, { path, key })];
    expect([one.status, other.status]).toEqual([200, 200]);
    expect(one.headers.get('x-request-id')).toMatch(/./);
    expect(one.headers.get('x-request-id')).not.toBe(other.headers.get('x-request-id'));
  },
);

describe.each(withBodies)('%s', (path) => {
  it('never inflates a bomb for somebody unknown', async () => {
    const answer = await askPublic(gateway, { path, body: bomb, headers: { 'content-encoding': 'gzip' } });
    expect(errorOf(answer)).toEqual([401, 'invalid_api_key']);
  });
});

describe.each(unsupported)('%s', (path) => {
  it.each([
    ['broken JSON', '{"model"', {}],
    ['a large body', 'x'.repeat(400_000), {}],
    ['an unknown encoding', 'x', { 'content-encoding': 'br' }],
    ['a broken form', 'x', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('is not supported, whatever it is sent: %s', async (_name, body, headers) => {
    const answer = await askPublic(gateway, { path, key, body, headers });
    expect(errorOf(answer)).toEqual([404, 'unsupported_endpoint']);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect((await askPublic(gateway, { path, key })).status).toBe(404);
  });
});

describe.each(documentPaths)('$path', ({ path, bodyLimit }) => {
  const maxBytes = maxBytesOf[bodyLimit];
  const whole = JSON.stringify({ model: 'gpt-5.5', input: 'hi', messages: [{ role: 'user', content: 'hi' }], n: 7 });
  /** Filled up with blanks, which JSON allows. */
  const padded = (bytes: number) => whole + ' '.repeat(bytes - whole.length);
  const encodings = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const;
  const nested = (levels: number) => `{"model":"gpt-5.5","input":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  /** No refusal of its reading, but one of its fields: the body came through. */
  const isRead = (answer: PublicAnswer) => {
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { code: 'unsupported_parameter' } }]);
  };

  it.each([
    ['half a document', '{"model":'],
    ['a list', '[]'],
    ['a number', '7'],
    ['nothing', ''],
    ['two documents', '{}{}'],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ])('refuses %s', async (_name, body) => {
    const answer = await askPublic(gateway, { path, key, body });
    expect(errorOf(answer)).toEqual([400, 'invalid_request']);
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  it('takes the last byte of its limit and not one more', async () => {
    isRead(await askPublic(gateway, { path, key, body: padded(maxBytes) }));
    const answer = await askPublic(gateway, { path, key, body: padded(maxBytes + 1) });
    expect(errorOf(answer)).toEqual([413, 'payload_too_large']);
  });

  it.each(Object.entries(encodings))(
    'reads %s, and refuses what it unfolds beyond the limits',
    async (encoding, encode) => {
      const send = (body: Buffer) => askPublic(gateway, { path, key, body, headers: { 'content-encoding': encoding } });
      isRead(await send(encode(Buffer.from(whole))));
      expect(errorOf(await send(encode(Buffer.from(padded(maxBytes + 1)))))).toEqual([
        413,
        'decompressed_request_too_large',
      ]);
      expect(errorOf(await send(Buffer.alloc(20_001, 7)))).toEqual([413, 'compressed_request_too_large']);
      const bomb = await send(encode(Buffer.alloc(15_000_000)));
      expect([bomb.status, bomb.json()['error']?.['type']]).toEqual([413, 'invalid_request_error']);
      expect(errorOf(await send(Buffer.from(whole)))).toEqual([400, 'invalid_request']);
    },
  );

  it('refuses an encoding it does not know, and a body that is no JSON', async () => {
    const headers = { 'content-encoding': 'br' };
    expect(errorOf(await askPublic(gateway, { path, key, body: whole, headers }))).toEqual([
      415,
      'unsupported_content_encoding',
    ]);
    const form = { 'content-type': 'text/plain' };
    expect(errorOf(await askPublic(gateway, { path, key, body: whole, headers: form }))).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  it.each([129, 100_000])('refuses %i levels of nesting', async (levels) => {
    const answer = await askPublic(gateway, { path, key, body: nested(levels) });
    expect(errorOf(answer)).toEqual([400, 'invalid_request']);
  });

  it('takes halves of characters as the client wrote them', async () => {
    const body = whole.replaceAll('"hi"', '"\\ud800 \\udfff"');
    isRead(await askPublic(gateway, { path, key, body }));
    const name = whole.replace('"n":7', '"\\ud800":7');
    isRead(await askPublic(gateway, { path, key, body: name }));
  });

  it('gives up a body that stops arriving', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    const heard = (): Promise<string> => once(socket, 'data').then(([piece]) => String(piece));
    const head = ['host: localhost', `authorization: Bearer ${key}`, 'content-length: 5000', 'expect: 100-continue'];
    socket.write([`POST ${path} HTTP/1.1`, ...head, '', ''].join('\r\n'));
    expect(await heard()).toMatch(/^HTTP\/1\.1 100 /);
    socket.write('{"model"');
    gateway.clock.advance(11_000);
    const text = await heard();
    socket.destroy();
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    const said = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Loose;
    expect(said['error']).toMatchObject({ code: 'request_decompression_timeout' });
  });
});

it('asked nobody, and kept nothing', async () => {
  expect(inferences()).toBe(callsBefore);
  const { rows } = await gateway.database.pool.query('select id from requests');
  expect(rows).toEqual([]);
});
