/** Files on the OpenAI surface: brought to one account, known by their id, and nothing of them kept here. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { annaAndBen, type Linked } from '../support/household.ts';
import { until } from '../support/until.ts';

let gateway: GatewayUnderTest;
let anna: Linked;
let ben: Linked;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  ({ anna, ben, key } = await annaAndBen(gateway));
});
afterAll(() => gateway.stop());
beforeEach(() => {
  for (const account of [anna, ben]) account.forgetScript();
});

const content = 'the secret content of a file';

interface Sending {
  readonly as?: string;
  readonly purpose?: string;
  readonly bytes?: Buffer;
  readonly name?: string;
}

function upload({
  as = key,
  purpose = 'user_data',
  bytes = Buffer.from(content),
  name = 'my secret notes.txt',
}: Sending = {}) {
  const form = new FormData();
  form.append('purpose', purpose);
  form.append('file', new Blob([bytes]), name);
  return fetch(`${gateway.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${as}` }, body: form });
}

const call = (method: string, path: string, as = key) =>
  fetch(gateway.url + path, { method, headers: { authorization: `Bearer ${as}` } });

type Json = Record<string, unknown> & { error?: { code: string; param: string | null } };
const read = async (answer: Response | Promise<Response>) => (await (await answer).json()) as Json;
const refusal = async (answer: Promise<Response>) => {
  const { error } = await read(answer);
  return [(await answer).status, error?.code, error?.param];
};
const idOf = async (answer: Promise<Response>) => String((await read(answer))['id']);

describe('a file', () => {
  it('is brought to the provider and shown as it is named; later lists know it only by its id', async () => {
    const arriving = gateway.sandbox.nextRequest({ method: 'PUT' });
    const created = await read(upload());
    expect(created).toMatchObject({
      object: 'file',
      bytes: content.length,
      filename: 'my secret notes.txt',
      purpose: 'user_data',
      status: 'processed',
    });
    expect(Number(created['expires_at']) - Number(created['created_at'])).toBe(86_400);
    const arrived = await arriving;
    expect(arrived.body.toString()).toBe(content);
    expect([arrived.header('authorization'), arrived.header('x-ms-blob-type')]).toEqual([undefined, 'BlockBlob']);
    expect(gateway.sandbox.violations).toEqual([]);

    const id = String(created['id']);
    const found = await read(call('GET', `/v1/files/${id}`));
    expect(found).toEqual({ ...created, filename: `${id}.txt` });
    const { rows } = await gateway.database.pool.query('select to_jsonb(uploaded_files) as row from uploaded_files');
    expect(JSON.stringify(rows)).not.toContain('secret');
    expect(JSON.stringify(gateway.log)).not.toContain('secret notes');
  });

  it('is listed with the others of its key, page by page', async () => {
    const lister = await gateway.key({ name: 'lister' });
    const ids: string[] = [];
    for (const purpose of ['user_data', 'vision', 'user_data']) {
      gateway.clock.advance(1_000);
      ids.unshift(await idOf(upload({ as: lister, purpose })));
    }
    const list = async (query: string) => {
      const { data, has_more: hasMore } = await read(call('GET', `/v1/files${query}`, lister));
      return [(data as { id: string }[]).map(({ id }) => id), hasMore];
    };
    expect(await list('')).toEqual([ids, false]);
    expect(await list('?order=asc&limit=3')).toEqual([ids.toReversed(), false]);
    expect(await list('?limit=2')).toEqual([ids.slice(0, 2), true]);
    expect(await list(`?limit=2&after=${ids[1]}`)).toEqual([ids.slice(2), false]);
    expect(await list('?purpose=vision')).toEqual([[ids[1]], false]);
    for (const query of ['?limit=0', '?order=up', '?purpose=x', '?after=..'])
      expect((await call('GET', `/v1/files${query}`, lister)).status).toBe(400);
    // Of no file or of a stranger's nothing follows; an empty page would say that there is no more.
    for (const id of ['file_of_nobody', await idOf(upload())])
      expect(await refusal(call('GET', `/v1/files?after=${id}`, lister))).toEqual([404, 'file_not_found', 'after']);
  });

  it('of another key is not there; of the own it cannot be read or removed', async () => {
    const id = await idOf(upload());
    const stranger = await gateway.key({ name: 'stranger' });
    for (const [method, path] of [
      ['GET', `/v1/files/${id}/content`],
      ['DELETE', `/v1/files/${id}`],
    ] as const) {
      expect(await refusal(call(method, path))).toEqual([404, 'unsupported_endpoint', null]);
      expect(await refusal(call(method, path, stranger))).toEqual([404, 'file_not_found', 'file_id']);
    }
    expect(await refusal(call('GET', `/v1/files/${id}`, stranger))).toEqual([404, 'file_not_found', 'file_id']);
  });

  it('leads the request that refers to it to its account, and is unknown to other keys', async () => {
    const stranger = await gateway.key({ name: 'another stranger' });
    const ask = (id: string, as = key) =>
      fetch(`${gateway.url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'gpt-5.5',
          input: [{ role: 'user', content: [{ type: 'input_file', file_id: id }] }],
        }),
      });
    for (let n = 0; n < 4; n += 1) {
      const announced = gateway.sandbox.nextRequest({ path: '/backend-api/files' });
      const id = await idOf(upload());
      const asked = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      expect((await ask(id)).status).toBe(200);
      expect((await asked).account).toBe((await announced).account);
      expect(await refusal(ask(id, stranger))).toEqual([404, 'file_not_found', 'file_id']);
    }
  });

  it('is gone after a day', async () => {
    const id = await idOf(upload());
    gateway.clock.advance(25 * 3_600_000);
    expect((await call('GET', `/v1/files/${id}`)).status).toBe(404);
  });

  it.each([
    ['upload', { status: 403 }],
    ['upload', { status: 307, headers: { location: 'http://127.0.0.1:1/elsewhere' } }],
    ['upload', { how: 'reset' }],
    ['uploaded', { status: 404 }],
    ['uploaded', { status: 200, body: { status: 'error' } }],
    ['files', { status: 200, body: { file_id: 'file_1', upload_url: 'http://169.254.169.254/x' } }],
    ['files', { status: 200, body: { file_id: 'file_1', upload_url: 'https://10.0.0.1/x' } }],
    ['files', { status: 200, body: { upload_url: 'https://storage.example/x' } }],
  ] as const)('that fails on its way (%s, %j) leaves nothing', async (stage, fault) => {
    const lonely = await gateway.key({ name: `lonely ${stage} ${JSON.stringify(fault)}`.slice(0, 80) });
    for (const account of [anna, ben]) account.answers({ behaviour: 'service', stage, ...fault });
    expect(await refusal(upload({ as: lonely }))).toEqual([502, 'upstream_file_upload_failed', null]);
    expect((await read(call('GET', '/v1/files', lonely)))['data']).toEqual([]);
  });

  it('that the provider never sees arrive is given up after half a minute', async () => {
    for (const account of [anna, ben]) account.always({ behaviour: 'A12', kind: 'retry' });
    const asked = gateway.sandbox.requests.length;
    const uploading = upload();
    const asks = () => gateway.sandbox.requests.slice(asked).filter(({ path }) => path.endsWith('/uploaded')).length;
    await until(() => asks() > 1);
    gateway.clock.advance(30_000);
    expect(await refusal(uploading)).toEqual([502, 'upstream_file_upload_failed', null]);
  });

  it('is confirmed with a new token where the provider no longer takes the old one, which is tried once', async () => {
    const refused = {
      behaviour: 'service',
      stage: 'uploaded',
      status: 401,
      body: { detail: 'token_expired' },
    } as const;
    for (const account of [anna, ben]) account.answers(refused);
    expect((await upload()).status).toBe(200);
    for (const account of [anna, ben]) account.forgetScript();
    for (const account of [anna, ben]) account.answers(refused).thenAnswers(refused);
    expect(await refusal(upload())).toEqual([502, 'upstream_file_upload_failed', null]);
  });

  it.each([
    [{ purpose: 'fun' }, 400, 'invalid_request', 'purpose'],
    [{ bytes: Buffer.alloc(0) }, 400, 'invalid_request', 'file'],
    [{ bytes: Buffer.alloc(25 * 2 ** 20 + 1) }, 413, 'payload_too_large', 'file'],
  ])('is refused when it is not fit', async (sending, status, code, param) => {
    expect(await refusal(upload(sending))).toEqual([status, code, param]);
  });

  it('is refused with a field that nobody knows, by its name', async () => {
    const form = new FormData();
    for (const name of ['purpose', 'zeal', 'haste']) form.append(name, 'user_data');
    const authorization = `Bearer ${key}`;
    const sent = fetch(`${gateway.url}/v1/files`, { method: 'POST', headers: { authorization }, body: form });
    expect(await refusal(sent)).toEqual([400, 'unsupported_parameter', 'haste']);
  });

  it('may have 25 MiB', async () => {
    expect((await upload({ bytes: Buffer.alloc(25 * 2 ** 20) })).status).toBe(200);
  });
});
