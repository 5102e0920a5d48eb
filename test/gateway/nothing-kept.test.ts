/**
 * Nothing a user writes and no secret may be kept: canaries are planted in every place a person or a provider can write
 * to, every path is driven, and then the log, the whole database, the data folder and our own errors are searched.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { createLog } from '../../server/observe/log.ts';
import { askPublic } from '../support/ask-public.ts';
import { askCodex, codexBody, type CodexAsk } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { publicTurn } from '../support/public-turns.ts';
import { openSocket } from '../support/socket-client.ts';

const planted = {
  prompt: 'canary-prompt-5b1f',
  answer: 'canary-answer-77ad',
  fileName: 'canary-file-name-0c2e.txt',
  cookie: 'canary-cookie-91aa',
  header: 'canary-header-3d3d',
  turnMetadata: 'canary-turn-metadata-8c8c',
  thread: 'canary-thread-1e1e',
  promptCacheKey: 'canary-prompt-cache-key-5e5e',
  idempotencyKey: 'canary-idempotency-key-7f7f',
  previousResponse: 'canary-previous-response-2d2d',
  turnState: 'canary-turn-state-6c6c',
  userAgent: 'canary-user-agent-4f4f/1.0',
  model: 'canary-model-6a6a',
  spacedModel: 'canary model 3c3c',
  tier: 'canary-tier-2b2b',
  effort: 'canary-effort-9e9e',
  toolName: 'canary-tool-name-1c1c',
  metadata: 'canary-metadata-8d8d',
  providerMessage: 'canary-provider-message-aa01',
  signInMessage: 'canary-sign-in-message-bb02',
  wrongKey: 'sk-cxp-0123456789ab-canaryWrongSecretcanaryWrongSecretcanaryWro',
  wrongToken: 'canary-admin-token-ff00',
  junk: 'canary-junk-body-dd22',
};

let gateway: GatewayUnderTest;
let secrets: Record<string, string>;
const ownErrors: string[] = [];

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  const anna = await gateway.link('anna', { percentPerAnswer: 0 });
  const ben = await gateway.link('ben', { percentPerAnswer: 0 });
  const key = await gateway.key();
  const narrow = await gateway.key({ allowedModels: ['gpt-6-luna'] });
  const file = JSON.parse(anna.authJson()) as { tokens: Record<string, string> };
  secrets = {
    key: key.slice('sk-cxp-0123456789ab-'.length),
    narrowKey: narrow.slice('sk-cxp-0123456789ab-'.length),
    adminToken: (await readFile(join(gateway.dataFolder, 'admin-token'), 'utf8')).trim(),
    ...Object.fromEntries(
      gateway.sandbox.requests.flatMap(({ headers }, index) =>
        headers
          .filter(([name]) => name.toLowerCase() === 'authorization')
          .map(([, value]) => [`bearer ${index}`, value.slice(7)]),
      ),
    ),
    newAccessToken: file.tokens['access_token'] ?? '',
    newRefreshToken: file.tokens['refresh_token'] ?? '',
  };
  await driveEveryPath({ anna, ben, key, narrow });
});
afterAll(() => gateway.stop());

interface Players {
  readonly anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
  readonly ben: Players['anna'];
  readonly key: string;
  readonly narrow: string;
}

async function driveEveryPath({ anna, ben, key, narrow }: Players): Promise<void> {
  const headers = {
    cookie: planted.cookie,
    'x-custom': planted.header,
    'x-codex-turn-metadata': JSON.stringify({ sandbox: planted.turnMetadata }),
    'user-agent': planted.userAgent,
    'idempotency-key': planted.idempotencyKey,
    'x-codex-previous-response-id': planted.previousResponse,
    'x-codex-turn-state': planted.turnState,
  };
  const items = [
    { type: 'message', role: 'user', content: [{ type: 'input_file', filename: planted.fileName, file_data: 'x' }] },
  ];
  const ask = { text: planted.prompt, thread: planted.thread, headers, items };
  const own = async (answer: Response) => void ownErrors.push(await answer.text());

  anna.always(planted.answer);
  ben.always(planted.answer);
  expect(await (await askCodex(gateway, key, ask)).text()).toContain(planted.answer);
  anna.answers({ behaviour: 'F4', kind: 'server_error' });
  await (await askCodex(gateway, key, ask)).text();
  for (const account of [anna, ben]) account.answers({ behaviour: 'F9', at: 'item_done', how: 'reset' });
  await (await askCodex(gateway, key, ask)).text().catch(() => undefined);
  await (await askCodex(gateway, key, ask)).text().catch(() => undefined);
  for (const account of [anna, ben]) account.forgetScript();
  // A plain client, whose conversation nothing names but its prompt cache key.
  const plain = codexBody({ text: planted.prompt, thread: planted.promptCacheKey });
  for (const stickyHttp of [false, true]) {
    await gateway.call(routing.change, { pool: 'default', changes: { stickyHttp } });
    await (
      await askCodex(gateway, key, { body: plain, headers: { ...headers, 'session-id': '', 'thread-id': '' } })
    ).text();
  }
  for (const body of [
    {
      error: {
        message: planted.providerMessage,
        type: planted.providerMessage,
        code: `code ${planted.providerMessage}`,
      },
    },
    { detail: planted.providerMessage },
  ]) {
    for (const status of [400, 403, 404, 429, 500]) {
      for (const account of [anna, ben])
        account.answers({
          behaviour: 'raw',
          status,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        } as never);
      await (await askCodex(gateway, key, ask)).text();
      for (const account of [anna, ben]) account.forgetScript();
      gateway.clock.advance(120_000);
    }
  }
  await driveWebsocket({ anna, ben, key, narrow }, ask);
  await drivePublic(key);
  const leaver = new AbortController();
  anna.answers({ behaviour: 'F8', at: 'created' });
  ben.answers({ behaviour: 'F8', at: 'created' });
  const arrived = gateway.sandbox.nextRequest();
  const left = askCodex(gateway, key, { ...ask, signal: leaver.signal }).then((answer) => answer.text());
  await arrived;
  leaver.abort();
  await left.catch(() => undefined);
  for (const account of [anna, ben]) account.forgetScript();

  await own(await askCodex(gateway, narrow, ask));
  for (const model of [planted.model, planted.spacedModel]) await own(await askCodex(gateway, key, { ...ask, model }));
  await own(await askCodex(gateway, key, { ...ask, path: '/backend-api/codex/alpha/search', model: planted.model }));
  await own(await askCodex(gateway, planted.wrongKey, ask));
  await own(await askCodex(gateway, key, { ...ask, body: `{"model":"gpt-5.5","input":"${planted.junk}` }));
  await own(await askCodex(gateway, key, { ...ask, body: `{"model":["${planted.junk}"]}` }));
  await own(await askCodex(gateway, key, { ...ask, body: planted.junk, headers: { 'content-encoding': 'zstd' } }));
  // The provider refuses this in its own words, and they are the client's to read.
  const body = {
    model: 'gpt-5.5',
    service_tier: planted.tier,
    reasoning: { effort: planted.effort },
    stream: true,
    store: false,
    input: [],
  };
  await (await askCodex(gateway, key, { ...ask, body: JSON.stringify(body) })).text();
  await own(await askCodex(gateway, key, { ...ask, path: `/backend-api/codex/${planted.junk}` }));
  const admin = (token: string, name: string, input: unknown) =>
    fetch(`${gateway.url}/admin/api/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: typeof input === 'string' ? input : JSON.stringify(input),
    });
  const token = secrets['adminToken'] ?? '';
  await own(await admin(planted.wrongToken, 'accounts.list', {}));
  await own(await admin(token, 'accounts.import', { authJson: `{"tokens":{"refresh_token":"${planted.junk}"}}` }));
  await own(await admin(token, 'accounts.import', `{"authJson": "${planted.junk}`));
  await own(await admin(token, 'settings.change', { name: planted.junk, value: 1 }));
  await own(await admin(token, 'accounts.list', {}));
  await own(await admin(token, 'api-keys.list', {}));
  anna.answers({ behaviour: 'A3', kind: 'server_error' });
  await own(await admin(token, 'accounts.refresh', { account: 'anna' }));
  anna.expireAccessTokens();
  await (await askCodex(gateway, key, ask)).text();
  // The sign-in host writes as freely as the provider does.
  for (const status of [200, 400, 401, 403, 429, 500]) {
    for (const account of [anna, ben]) {
      account.expireAccessTokens();
      for (let time = 0; time < 2; time += 1)
        account.answers({ behaviour: 'A3', kind: 'in_words', status, text: planted.signInMessage });
    }
    await own(await askCodex(gateway, key, ask));
    gateway.clock.advance(3_600_000);
    await own(await admin(token, 'accounts.refresh', { account: 'anna' }));
    gateway.clock.advance(3_600_000);
    for (const account of [anna, ben]) account.forgetScript();
  }
  await own(await admin(token, 'accounts.list', {}));
  for (const account of [anna, ben])
    await own(await admin(token, 'accounts.import', { authJson: account.authJson(), pool: 'default' }));
  // Last, because it signs the accounts out.
  for (const account of [anna, ben]) account.answers({ behaviour: 'F2', kind: 'deactivated_workspace' });
  await own(await askCodex(gateway, key, ask));
}

/** The same in frames: what is said, what is refused, what breaks, and a client that leaves. */
async function driveWebsocket({ anna, ben, key }: Players, ask: CodexAsk): Promise<void> {
  const client = await openSocket(gateway, key, { thread: planted.thread, headers: ask.headers ?? {} });
  const client_metadata = {
    thread_id: planted.thread,
    'x-codex-turn-metadata': planted.turnMetadata,
    'x-codex-turn-state': planted.turnState,
  };
  const extra = { client_metadata, request_id: planted.header, stream_id: planted.cookie };
  const own = async () => void ownErrors.push(JSON.stringify((await client.answer()).at(-1)));
  anna.always(planted.answer);
  ben.always(planted.answer);
  client.turn({ ...ask, extra });
  expect(JSON.stringify(await client.answer())).toContain(planted.answer);
  client.turn({ ...ask, extra });
  await own();
  for (const changes of [
    { previous_response_id: planted.previousResponse },
    { model: planted.model },
    { type: planted.junk },
  ]) {
    client.turn({ ...ask, extra: { client_metadata, ...changes } });
    await own();
  }
  client.send(`{"type":"response.create","${planted.junk}`);
  await own();
  const { message, type, code } = { message: planted.providerMessage, type: planted.providerMessage, code: 'x y' };
  const body = JSON.stringify({ error: { message, type, code } });
  for (const account of [anna, ben])
    account.answers({ behaviour: 'raw', status: 400, headers: { 'content-type': 'application/json' }, body });
  client.turn({ ...ask, extra: { client_metadata } });
  await client.answer();
  for (const account of [anna, ben]) account.forgetScript().answers({ behaviour: 'F8', at: 'created' });
  const arrived = gateway.sandbox.nextRequest();
  client.turn({ ...ask, extra: { client_metadata } });
  await arrived;
  const closed = gateway.logged('websocket_closed');
  client.leave();
  await closed;
  for (const account of [anna, ben]) account.forgetScript();
}

/** The same on the OpenAI surface, whose model names may carry a prefix. */
async function drivePublic(key: string): Promise<void> {
  const { prompt, model, effort, metadata, toolName, fileName, promptCacheKey } = planted;
  const fields = { prompt_cache_key: promptCacheKey, user: metadata, metadata: { [metadata]: metadata } };
  const tools = [{ type: 'function', name: toolName, description: prompt, parameters: {} }];
  const responses = { model: 'gpt-5.5', input: prompt, tools, reasoning: { effort }, ...fields };
  const messages = [{ role: 'user', content: prompt, name: metadata }];
  const asks: [path: string, body: object][] = [
    ['/v1/responses', responses],
    ['/v1/responses', { ...responses, stream: true }],
    ['/v1/chat/completions', { model: `${model}/gpt-5.5`, messages, ...fields }],
    ...[model, `openai/${model}`, `gpt-5.5-${model}`, `gpt-5.5(${model})`, planted.spacedModel].flatMap(
      (name): [string, object][] => [
        ['/v1/responses', { ...responses, model: name }],
        ['/v1/chat/completions', { model: name, messages }],
        ['/v1/images/generations', { model: name, prompt }],
      ],
    ),
    ['/v1/chat/completions', { model: 'gpt-5.5', messages, service_tier: planted.tier }],
    ['/v1/images/generations', { prompt }],
  ];
  for (const [path, body] of asks) {
    const { status, text } = await askPublic(gateway, { path, key, body });
    if (status !== 200) ownErrors.push(text);
  }
  const form = new FormData();
  form.set('purpose', 'user_data');
  form.set('file', new File([prompt], fileName));
  const authorization = `Bearer ${key}`;
  await (await fetch(`${gateway.url}/v1/files`, { method: 'POST', headers: { authorization }, body: form })).text();
  const client = await openSocket(gateway, key, { path: '/v1/responses' });
  for (const name of [model, `${model}/gpt-5.5`, planted.spacedModel]) {
    const last = (await publicTurn(client, { ...responses, model: name })).at(-1);
    if (last?.['type'] === 'error') ownErrors.push(JSON.stringify(last));
  }
  client.leave();
}

/** Refreshes that the sign-in host answered in words of ours. */
function refreshRefusals(): number {
  return gateway.sandbox.requests.filter(({ path }) => path === '/oauth/token').length;
}

/** Everything that must be found nowhere. */
function needles(): [string, string][] {
  return [...Object.entries(planted), ...Object.entries(secrets)].filter(([, text]) => text !== '');
}

function hits(haystack: string): string[] {
  return needles().flatMap(([name, text]) => (haystack.includes(text) ? [name] : []));
}

describe('after every path was driven', () => {
  it('the search itself finds what is there', () => {
    expect(refreshRefusals()).toBeGreaterThan(6);
    expect(hits(`… ${planted.prompt} … ${secrets['key']}`)).toEqual(['prompt', 'key']);
    expect(gateway.sandbox.requests.some(({ body }) => body.includes(planted.prompt))).toBe(true);
  });

  it('the log holds none of it, as facts and as written lines', () => {
    expect(gateway.log.length).toBeGreaterThan(50);
    expect(hits(JSON.stringify(gateway.log))).toEqual([]);
    const written: string[] = [];
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => (written.push(chunk.toString()), done()),
    });
    const log = createLog({ level: 'debug', format: 'json', destination });
    for (const { event, facts } of gateway.log) log.info(event, facts);
    expect(written.length).toBe(gateway.log.length);
    expect(hits(written.join(''))).toEqual([]);
  });

  it('no table of the database holds any of it', async () => {
    const { db } = gateway.database;
    const tables = await sql<{
      name: string;
    }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(db);
    expect(tables.rows.length).toBeGreaterThan(15);
    for (const { name } of tables.rows) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`.execute(db);
      expect([name, hits(rows.map(({ text }) => text).join('\n'))]).toEqual([name, []]);
      // A bytea prints as hexadecimal.
      const hex = rows.map(({ text }) => text).join('\n');
      expect([
        name,
        needles().flatMap(([what, text]) => (hex.includes(Buffer.from(text).toString('hex')) ? [what] : [])),
      ]).toEqual([name, []]);
    }
  });

  it('no file of the data folder holds any of it, but the admin token its own', async () => {
    for (const name of await readdir(gateway.dataFolder)) {
      if (name.endsWith('.sock')) continue;
      const found = hits(await readFile(join(gateway.dataFolder, name), 'latin1'));
      expect([name, found]).toEqual([name, name === 'admin-token' ? ['adminToken'] : []]);
    }
  });

  it('none of our own answers repeats what was sent', () => {
    expect(ownErrors.length).toBeGreaterThan(10);
    for (const text of ownErrors) expect(hits(text)).toEqual([]);
  });
});
