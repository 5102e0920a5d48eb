/** Files, dictation, images and search of native clients: passed on as they come, each by an account that can serve it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { memberships } from '../../server/contract/memberships.ts';
import { routing } from '../../server/contract/pools.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { annaAndBen, type Linked } from '../support/household.ts';
import { threadOf } from '../support/thread-of.ts';

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
  gateway.clock.advance(3_600_000);
});

interface Call {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly as?: string;
}

function post(path: string, { body = '{}', headers = {}, as = key }: Call = {}) {
  return fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json', ...headers },
    body,
  });
}

const inspect = async (answer: Response) => ({ status: answer.status, body: (await answer.json()) as Json });
type Json = Record<string, unknown> & { error?: { code: string; param: string | null } };

const announcement = '{ "file_name":"notes.txt", "file_size":5, "use_case":"codex" }';

/** Announces a file and puts its bytes where the answer says, as a client does. */
async function upload(as = key): Promise<{ id: string; account: string | undefined }> {
  const arriving = gateway.sandbox.nextRequest({ path: '/backend-api/files' });
  const { file_id: id, upload_url: url } = (await (
    await post('/backend-api/files', { body: announcement, as })
  ).json()) as {
    file_id: string;
    upload_url: string;
  };
  await fetch(url, { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' }, body: 'hello' });
  return { id, account: (await arriving).account };
}

/** Files until each account has one. */
async function oneFileEach() {
  const files = new Map<string | undefined, string>();
  for (let n = 0; n < 60 && files.size < 2; n += 1) {
    const { id, account } = await upload();
    files.set(account, id);
  }
  return { ofAnna: files.get('anna') ?? '', ofBen: files.get('ben') ?? '' };
}

const requestsTo = (path: string) => gateway.sandbox.requests.filter((request) => request.path === path);
/** What clients ask arrives as POST; what the gateway asks for itself, as GET. */
const arrivedSince = (count: number) => gateway.sandbox.requests.slice(count).filter(({ method }) => method === 'POST');

describe('a file', () => {
  it('is announced by one account, and only that account is asked about it again', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    for (const [id, name] of [
      [ofAnna, 'anna'],
      [ofBen, 'ben'],
      [ofAnna, 'anna'],
    ] as const) {
      const arriving = gateway.sandbox.nextRequest({ path: `/backend-api/files/${id}/uploaded` });
      const answer = await inspect(await post(`/backend-api/files/${id}/uploaded`));
      expect(answer).toMatchObject({ status: 200, body: { status: 'success', file_name: 'notes.txt' } });
      expect((await arriving).account).toBe(name);
    }
  });

  it('is announced byte for byte, under the name of the account alone', async () => {
    await upload();
    const [arrived] = requestsTo('/backend-api/files').slice(-1);
    expect(arrived?.body.toString()).toBe(announcement);
    expect(arrived?.headers.some(([, value]) => value.includes(key))).toBe(false);
  });

  it('is read where it lies: a conversation that refers to it goes to its account', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    for (const [id, name] of [
      [ofBen, 'ben'],
      [ofAnna, 'anna'],
    ] as const) {
      // Whatever account the conversation had.
      const thread = await threadOf(gateway, key, name === 'anna' ? 'ben' : 'anna');
      const arriving = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const items = [{ role: 'user', content: [{ type: 'input_image', image_url: `sediment://${id}` }] }];
      const answer = await askCodex(gateway, key, { thread, items });
      await answer.text();
      expect([answer.status, (await arriving).account]).toEqual([200, name]);
    }
  });

  it('beside one of another account is refused before anybody is asked', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    const content = [ofAnna, ofBen].map((id) => ({ type: 'input_file', file_id: id }));
    const count = gateway.sandbox.requests.length;
    const answer = await inspect(await askCodex(gateway, key, { items: [{ role: 'user', content }] }));
    // 400, because a native client asks six times after 409.
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'file_assignment_conflict', param: 'file_id' } },
    });
    expect(arrivedSince(count)).toEqual([]);
  });

  it('of another key, or that nobody has, is unknown', async () => {
    const { id } = await upload();
    const stranger = await gateway.key({ name: 'stranger' });
    for (const [file, as] of [
      [id, stranger],
      ['file_nobody', key],
      ['..%2Ffiles', key],
    ] as const) {
      const count = gateway.sandbox.requests.length;
      const answer = await inspect(await post(`/backend-api/files/${file}/uploaded`, { as }));
      expect([400, 404]).toContain(answer.status);
      expect(['file_not_found', 'invalid_path']).toContain(answer.body.error?.code);
      expect(arrivedSince(count)).toEqual([]);
    }
  });

  it('is forgotten after a day', async () => {
    const { id } = await upload();
    gateway.clock.advance(23 * 3_600_000);
    expect((await post(`/backend-api/files/${id}/uploaded`)).status).toBe(200);
    gateway.clock.advance(2 * 3_600_000);
    expect((await post(`/backend-api/files/${id}/uploaded`)).status).toBe(404);
  });

  it('whose account cannot serve goes to no other', async () => {
    const { ofAnna } = await oneFileEach();
    await gateway.call(memberships.leave, { account: 'anna', pool: 'default' });
    try {
      const answer = await inspect(await post(`/backend-api/files/${ofAnna}/uploaded`));
      expect(answer).toMatchObject({ status: 503, body: { error: { code: 'pinned_continuation_unavailable' } } });
    } finally {
      await gateway.call(memberships.join, { account: 'anna', pool: 'default' });
    }
  });

  it('cannot be sent as a form', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const answer = await inspect(await post('/backend-api/files', { headers, body: '--b--' }));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'unsupported_multipart_file_create' } } });
  });

  it.each([
    [0, 200],
    [1, 400],
  ])('may be announced in 64 KiB and %i bytes: %i', async (more, status) => {
    const body = announcement.padEnd(64 * 1024 + more, ' ');
    expect((await post('/backend-api/files', { body })).status).toBe(status);
  });
});

describe('dictation', () => {
  const boundary = 'own-boundary';
  const form = (bytes = 3) =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n`),
      Buffer.alloc(bytes, 7),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };

  it('arrives byte for byte with its boundary, and its text comes back', async () => {
    const answer = await inspect(await post('/backend-api/transcribe', { headers, body: form(70_000) }));
    expect(answer).toEqual({ status: 200, body: { text: 'Words the sandbox heard.' } });
    const [arrived] = requestsTo('/backend-api/transcribe').slice(-1);
    expect(arrived?.body.equals(form(70_000))).toBe(true);
    expect(arrived?.header('content-type')).toBe(headers['content-type']);
  });

  it('is heard by another account where one fails', async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'service', stage: 'transcribe', status: 503 });
    ben.forgetScript();
    for (let n = 0; n < 6; n += 1)
      expect((await post('/backend-api/transcribe', { headers, body: form() })).status).toBe(200);
  });

  it('is a form, and no other encoding of one', async () => {
    const refused = async (call: Call) => (await inspect(await post('/backend-api/transcribe', call))).body.error?.code;
    expect(await refused({ body: '{}' })).toBe('invalid_request');
    expect(await refused({ body: form(), headers: { ...headers, 'content-encoding': 'gzip' } })).toBe(
      'unsupported_content_encoding',
    );
  });

  it.each([
    [0, 200],
    [1, 400],
  ])('may be 32 MiB and %i bytes long: %i', async (more, status) => {
    const body = form(32 * 2 ** 20 - form(0).length + more);
    expect((await post('/backend-api/transcribe', { headers, body })).status).toBe(status);
  });

  it('counts no tokens', async () => {
    const id = (await post('/backend-api/transcribe', { headers, body: form() })).headers.get('x-request-id');
    const rows = () =>
      gateway.database.db
        .selectFrom('requests')
        .innerJoin('ledgerEntries', 'ledgerEntries.requestId', 'requests.id')
        .select(['routeClass', 'requests.model', 'status', 'totalTokens'])
        .where('requests.id', '=', String(id))
        .execute();
    await expect
      .poll(async () => [
        ...new Set((await rows()).map((row) => `${row.status} ${row.routeClass} ${row.model} ${row.totalTokens}`)),
      ])
      .toEqual(['succeeded audio_transcription gpt-4o-transcribe 0']);
  });
});

describe('images', () => {
  const drawing = {
    body: '{"prompt":"a red square","background":"opaque","model":"gpt-image-2","quality":"auto","size":"auto"}',
  };
  const editing = {
    body: '{"images":[{"image_url":"data:image/png;base64,iVBORw0KGgo="}],"prompt":"blue","model":"gpt-image-2"}',
  };

  it.each([
    ['generations', drawing],
    ['edits', editing],
  ])('%s travel as they are, with what names the turn', async (kind, call) => {
    const path = `/backend-api/codex/images/${kind}`;
    const answer = await inspect(await post(path, { ...call, headers: { 'x-codex-image-turn-id': 'turn-1' } }));
    expect(answer).toMatchObject({ status: 200, body: { data: [{}], usage: { total_tokens: 208 } } });
    const [arrived] = requestsTo(path).slice(-1);
    expect(arrived?.body.toString()).toBe(call.body);
    expect(arrived?.header('x-codex-image-turn-id')).toBe('turn-1');
  });

  it('that the provider refuses are refused in its words, without asking others', async () => {
    for (const account of [anna, ben]) account.answers({ behaviour: 'A13', kind: 'images_moderation' });
    const count = gateway.sandbox.requests.length;
    const answer = await inspect(await post('/backend-api/codex/images/generations', drawing));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'moderation_blocked' } } });
    expect(arrivedSince(count)).toHaveLength(1);
  });

  it('are not drawn for a Pool without them, and its body is not even read', async () => {
    await gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: false } });
    try {
      for (const kind of ['generations', 'edits']) {
        const answer = await inspect(await post(`/backend-api/codex/images/${kind}`, { body: '{broken' }));
        expect(answer).toMatchObject({ status: 400, body: { error: { code: 'image_generation_disabled' } } });
      }
    } finally {
      await gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: true } });
    }
  });

  it('are drawn for a key that may use the model, and for no other', async () => {
    const may = await gateway.key({ name: 'may', allowedModels: ['gpt-image-2'] });
    const mayNot = await gateway.key({ name: 'may not', allowedModels: ['gpt-5.5'] });
    expect((await post('/backend-api/codex/images/generations', { ...drawing, as: may })).status).toBe(200);
    const refused = await inspect(await post('/backend-api/codex/images/generations', { ...drawing, as: mayNot }));
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'model_not_allowed', param: 'model' } } });
  });
});

describe('a search', () => {
  const search = (thread: string, model = 'gpt-5.5') =>
    JSON.stringify({ id: thread, model, input: [], commands: { search_query: [{ q: 'weather' }] } });

  it('is made by the account of its conversation', async () => {
    for (const name of ['anna', 'ben']) {
      const thread = await threadOf(gateway, key, name);
      const arriving = gateway.sandbox.nextRequest({ path: '/backend-api/codex/alpha/search' });
      const answer = await inspect(await post('/backend-api/codex/alpha/search', { body: search(thread) }));
      expect(answer).toMatchObject({ status: 200, body: { encrypted_output: 'gAAAAsandboxsearch' } });
      const arrived = await arriving;
      expect([arrived.account, arrived.body.toString()]).toEqual([name, search(thread)]);
    }
  });

  it("follows its key's policy in its model alone", async () => {
    const policy = { enforcedModel: 'gpt-5.5', effort: { rule: 'always', level: 'low' } } as const;
    const ruled = await gateway.key({ name: 'ruled', policy });
    await post('/backend-api/codex/alpha/search', { body: search('t', 'gpt-5.4'), as: ruled });
    expect(requestsTo('/backend-api/codex/alpha/search').at(-1)?.body.toString()).toBe(search('t'));
  });
});

describe('what a client asks of its account', () => {
  const get = async (path: string, headers: Record<string, string> = {}) =>
    inspect(await fetch(gateway.url + path, { headers: { authorization: `Bearer ${key}`, ...headers } }));

  it.each(['/backend-api/wham/accounts/check', '/api/codex/accounts/check', '/wham/accounts/check'])(
    'is its own account at %s, without a workspace that would lead it past the gateway',
    async (path) => {
      const count = gateway.sandbox.requests.length;
      const { body } = await get(path, { 'chatgpt-account-id': 'acct-of-the-client' });
      expect(body).toMatchObject({
        accounts: [{ id: 'acct-of-the-client', workspace_backend_origin: 'NO_CONSTRAINT' }],
        default_account_id: 'acct-of-the-client',
      });
      expect(arrivedSince(count)).toEqual([]);
    },
  );

  it('is how many saved resets the Pool has, under names that spend nothing', async () => {
    const carl = await gateway.link('carl', { resetCredits: 2 });
    try {
      await expect
        .poll(async () => (await get('/backend-api/wham/rate-limit-reset-credits')).body['available_count'])
        .toBe(2);
      const { body } = await get('/wham/rate-limit-reset-credits');
      const ids = (body['credits'] as { id: string }[]).map(({ id }) => id);
      expect(new Set(ids).size).toBe(2);
      expect((await post('/backend-api/wham/rate-limit-reset-credits/consume')).status).toBe(404);
      expect(requestsTo('/backend-api/wham/rate-limit-reset-credits/consume')).toEqual([]);
    } finally {
      await gateway.call(memberships.leave, { account: carl.name, pool: 'default' });
    }
  });
});
