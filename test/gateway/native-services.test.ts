/** Dictation, images and search of native clients: passed on as they come, each by an account that can serve it. */
import { describe, expect, it } from 'vitest';
import { memberships } from '../../server/contract/memberships.ts';
import { routing } from '../../server/contract/pools.ts';
import { householdForFile } from '../support/household.ts';
import { ledgerOf, settledRow } from '../support/ledger.ts';
import { inspect, nativeCalls, type NativeCall } from '../support/native-calls.ts';

const house = householdForFile();
const { threadAt } = house;
const { post, requestsTo, arrivedSince } = nativeCalls(house);

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
    for (const account of [house.anna, house.ben])
      account.answers({ behaviour: 'service', stage: 'transcribe', status: 503 });
    house.ben.forgetScript();
    for (let n = 0; n < 6; n += 1)
      expect((await post('/backend-api/transcribe', { headers, body: form() })).status).toBe(200);
  });

  it('is a form, and no other encoding of one', async () => {
    const refused = async (call: NativeCall) =>
      (await inspect(await post('/backend-api/transcribe', call))).body.error?.code;
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
    const row = await settledRow(house.gateway, id);
    expect(row).toMatchObject({ status: 'succeeded', routeClass: 'audio_transcription', model: 'gpt-4o-transcribe' });
    const entries = await ledgerOf(house.gateway.database.db, row.id);
    expect(entries.map(({ event, totalTokens }) => [event, Number(totalTokens)])).toEqual([
      ['release', 0],
      ['reservation', 0],
      ['settlement', 0],
    ]);
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
    for (const account of [house.anna, house.ben]) account.answers({ behaviour: 'A13', kind: 'images_moderation' });
    const count = house.gateway.sandbox.requests.length;
    const answer = await inspect(await post('/backend-api/codex/images/generations', drawing));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'moderation_blocked' } } });
    expect(arrivedSince(count)).toHaveLength(1);
  });

  it('are not drawn for a Pool without them, and its body is not even read', async () => {
    await house.gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: false } });
    try {
      for (const kind of ['generations', 'edits']) {
        const answer = await inspect(await post(`/backend-api/codex/images/${kind}`, { body: '{broken' }));
        expect(answer).toMatchObject({ status: 400, body: { error: { code: 'image_generation_disabled' } } });
      }
    } finally {
      await house.gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: true } });
    }
  });

  it('are drawn for a key that may use the model, and for no other', async () => {
    const may = await house.gateway.key({ name: 'may', allowedModels: ['gpt-image-2'] });
    const mayNot = await house.gateway.key({ name: 'may not', allowedModels: ['gpt-5.5'] });
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
      const thread = await threadAt(name);
      const arriving = house.gateway.sandbox.nextRequest({ path: '/backend-api/codex/alpha/search' });
      const answer = await inspect(await post('/backend-api/codex/alpha/search', { body: search(thread) }));
      expect(answer).toMatchObject({ status: 200, body: { encrypted_output: 'gAAAAsandboxsearch' } });
      const arrived = await arriving;
      expect([arrived.account, arrived.body.toString()]).toEqual([name, search(thread)]);
    }
  });

  it("follows its key's policy in its model alone", async () => {
    const policy = { enforcedModel: 'gpt-5.5', effort: { rule: 'always', level: 'low' } } as const;
    const ruled = await house.gateway.key({ name: 'ruled', policy });
    await post('/backend-api/codex/alpha/search', { body: search('t', 'gpt-5.4'), as: ruled });
    expect(requestsTo('/backend-api/codex/alpha/search').at(-1)?.body.toString()).toBe(search('t'));
  });
});

describe('what a client asks of its account', () => {
  const get = async (path: string, headers: Record<string, string> = {}) =>
    inspect(await fetch(house.gateway.url + path, { headers: { authorization: `Bearer ${house.key}`, ...headers } }));

  it.each(['/backend-api/wham/accounts/check', '/api/codex/accounts/check', '/wham/accounts/check'])(
    'is its own account at %s, without a workspace that would lead it past the gateway',
    async (path) => {
      const count = house.gateway.sandbox.requests.length;
      const { body } = await get(path, { 'chatgpt-account-id': 'acct-of-the-client' });
      expect(body).toMatchObject({
        accounts: [{ id: 'acct-of-the-client', workspace_backend_origin: 'NO_CONSTRAINT' }],
        default_account_id: 'acct-of-the-client',
      });
      expect(arrivedSince(count)).toEqual([]);
    },
  );

  it('is how many saved resets the Pool has, under names that spend nothing', async () => {
    const carl = await house.gateway.link('carl', { resetCredits: 2 });
    try {
      expect((await get('/backend-api/wham/rate-limit-reset-credits')).body['available_count']).toBe(2);
      const { body } = await get('/wham/rate-limit-reset-credits');
      const ids = (body['credits'] as { id: string }[]).map(({ id }) => id);
      expect(new Set(ids).size).toBe(2);
      expect((await post('/backend-api/wham/rate-limit-reset-credits/consume')).status).toBe(404);
      expect(requestsTo('/backend-api/wham/rate-limit-reset-credits/consume')).toEqual([]);
    } finally {
      await house.gateway.call(memberships.leave, { account: carl.name, pool: 'default' });
    }
  });
});
