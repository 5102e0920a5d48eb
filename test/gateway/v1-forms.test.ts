/** Every address of the OpenAI surface that takes a form, sent every wrong one: the documented error, and nothing stays. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onePixelPng } from '../../server/sandbox/behaviours/tools.ts';
import { askPublic, type Loose, type PublicAnswer } from '../support/ask-public.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { formPaths } from '../support/public-surface.ts';

let gateway: GatewayUnderTest;
let key: string;
let temporary: string;
let filesBefore: string[];
const usualTemporary = process.env['TMPDIR'];

beforeAll(async () => {
  gateway = await gatewayUnderTest({
    // A seat that is not given back would keep everybody else out.
    settings: {
      'admission.file_upload.seats': 1,
      'admission.audio_transcription.seats': 1,
      'admission.proxy_stream.seats': 1,
    },
  });
  await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5'] });
  key = await gateway.key();
  temporary = await mkdtemp(join(tmpdir(), 'codex-pooler-forms-'));
  process.env['TMPDIR'] = temporary;
  filesBefore = await readdir(gateway.dataFolder, { recursive: true });
});
afterAll(async () => {
  if (usualTemporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usualTemporary;
  await gateway.stop();
  await rm(temporary, { recursive: true, force: true });
});

const asForm = { 'content-type': 'multipart/form-data; boundary=b' };
const errorOf = (answer: PublicAnswer) => {
  const error = answer.json()['error'];
  return [answer.status, error?.['code'], error?.['param']];
};

/** A text, or a file when it has a file name. */
function part(name: string, content: Buffer | string, fileName?: string): Buffer {
  const ofFile = fileName === undefined ? '' : `; filename="${fileName}"\r\ncontent-type: application/octet-stream`;
  const head = `--b\r\ncontent-disposition: form-data; name="${name}"${ofFile}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')]);
}
const formOf = (...parts: Buffer[]) => Buffer.concat([...parts, Buffer.from('--b--\r\n')]);

describe.each(formPaths)('$path', ({ path, limits, file }) => {
  const send = (body: Buffer | string, headers: Record<string, string> = {}, as = key) =>
    askPublic(gateway, { path, key: as, body, headers: { ...asForm, ...headers } });
  const fileOf = (bytes: number) => part(file, Buffer.alloc(bytes, 7), 'f');
  /** Nobody knows it: a form that is refused for it has come through whole. */
  const stray = part('zzz', 'x');
  const isRead = (answer: PublicAnswer) => expect(errorOf(answer).slice(0, 2)).toEqual([400, 'unsupported_parameter']);
  const { param = '', count = 0 } = limits.files[file] ?? {};

  it.each<[string, Buffer | string, Record<string, string>]>([
    ['a document', '{"file":"x"}', { 'content-type': 'application/json' }],
    ['a text', 'x', { 'content-type': 'text/plain' }],
    ['a form without a boundary', formOf(stray), { 'content-type': 'multipart/form-data' }],
    ['another kind of form', 'file=x', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['nothing', '', {}],
    ['no form at all', 'x'.repeat(1000), {}],
    ['a form that breaks off', fileOf(1000), {}],
    ['a form that breaks off in the head of a part', '--b\r\ncontent-disposition: form-da', {}],
    ['a head of a part without end', `--b\r\nx: ${'y'.repeat(500_000)}`, {}],
    ['a file where none is expected', formOf(part('zzz', 'x', 'f')), {}],
    ['too many fields', formOf(...Array.from({ length: limits.maxFields + 1 }, () => stray)), {}],
    ['too many files', formOf(...Array.from({ length: count + 1 }, () => fileOf(10))), {}],
    ...(['gzip', 'deflate', 'zstd', 'br'] as const).map((encoding): [string, Buffer, Record<string, string>] => [
      `a form in ${encoding}`,
      { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync, br: Buffer.from }[encoding](formOf(fileOf(9))),
      { 'content-encoding': encoding },
    ]),
    ['what unfolds to a thousand times its size', gzipSync(Buffer.alloc(20_000_000)), { 'content-encoding': 'gzip' }],
  ])('refuses %s', async (_name, body, headers) => {
    const answer = await send(body, headers);
    expect(errorOf(answer).slice(0, 2)).toEqual([400, 'invalid_request']);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  it('wants its file', async () => {
    const texts = [part('purpose', 'vision'), part('model', 'gpt-image-2'), part('prompt', 'blue')];
    const known = { '/v1/files': [0], '/v1/audio/transcriptions': [], '/v1/images/edits': [1, 2] }[path] ?? [];
    const answer = await send(formOf(...known.map((index) => texts[index]!)));
    expect(errorOf(answer)).toEqual([400, 'missing_required_parameter', path.includes('audio') ? 'model' : param]);
  });

  it('takes the last byte of its file and not one more', async () => {
    isRead(await send(formOf(stray, fileOf(limits.maxFileBytes))));
    const answer = await send(formOf(stray, fileOf(limits.maxFileBytes + 1)));
    expect(errorOf(answer)).toEqual([413, 'payload_too_large', param]);
  });

  it('takes the last byte of a field and not one more', async () => {
    const filled = (bytes: number) => formOf(part('zzz', 'x'.repeat(bytes)), fileOf(9));
    isRead(await send(filled(limits.maxFieldBytes)));
    expect(errorOf(await send(filled(limits.maxFieldBytes + 1)))).toEqual([413, 'payload_too_large', null]);
  });

  it('takes a body no larger than its limit, announced or not', async () => {
    const announced = await begin({ 'content-length': String(limits.maxBytes + 1) });
    const text = await heard(announced);
    announced.destroy();
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(saidIn(text)).toMatchObject({ code: 'payload_too_large' });

    // Before the first boundary everything is thrown away, and counted all the same.
    const unannounced = await begin({ 'transfer-encoding': 'chunked' });
    expect(await heard(unannounced)).toMatch(/^HTTP\/1\.1 100 /);
    const answer = heard(unannounced);
    const piece = Buffer.alloc(2 ** 20, 0x78);
    for (let bytes = 0; bytes <= limits.maxBytes; bytes += piece.length) {
      unannounced.write(`${piece.length.toString(16)}\r\n`);
      unannounced.write(piece);
      if (!unannounced.write('\r\n')) await Promise.race([once(unannounced, 'drain'), answer]);
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    unannounced.destroy();
  });

  it('takes names and texts that are no text for what nobody knows', async () => {
    isRead(await send(formOf(part('zzz', Buffer.from([0xff, 0xfe, 0x00])), fileOf(9))));
    isRead(await send(formOf(part('\ud800', 'x'), fileOf(9))));
  });

  it('gives up a form that stops arriving', async () => {
    const socket = await begin({ 'content-length': '5000' });
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 100 /);
    socket.write(fileOf(100).subarray(0, 150));
    gateway.clock.advance(11_000);
    const text = await heard(socket);
    socket.destroy();
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(saidIn(text)).toMatchObject({ code: 'request_decompression_timeout' });
  });

  it('lets go of everything when its client leaves in the middle of a file', async () => {
    const socket = await begin({ 'content-length': '500000' });
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 100 /);
    socket.write(fileOf(400_000).subarray(0, 200_000));
    socket.destroy();
    isRead(await send(formOf(stray, fileOf(9))));
  });

  it('is refused to a key that may not use the model', async () => {
    if (path === '/v1/files') return;
    const as = await gateway.key({ name: `no model for ${path}`, allowedModels: [] });
    const model = part('model', path.includes('audio') ? 'whisper-1' : 'gpt-image-2');
    const prompt = part('prompt', 'blue');
    const answer = await send(formOf(model, prompt, part(file, Buffer.from(onePixelPng, 'base64'), 'f')), {}, as);
    expect(errorOf(answer)).toEqual([403, 'model_not_allowed', 'model']);
  });

  /** A request whose body waits until the gateway asks for it. */
  async function begin(headers: Record<string, string>): Promise<Socket> {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    // A refused body is not read to its end.
    socket.on('error', () => undefined);
    const all = { host: 'localhost', authorization: `Bearer ${key}`, ...asForm, expect: '100-continue', ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    socket.write([`POST ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    return socket;
  }
});

const heard = (socket: Socket): Promise<string> => once(socket, 'data').then(([piece]) => String(piece));
const saidIn = (text: string) => (JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Loose)['error'];

it('asked nobody, and kept nothing', async () => {
  expect(gateway.sandbox.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  const { rows } = await gateway.database.pool.query(`select status from requests where status <> 'rejected'`);
  expect(rows).toEqual([]);
  expect(await readdir(temporary)).toEqual([]);
  expect(await readdir(gateway.dataFolder, { recursive: true })).toEqual(filesBefore);
});
