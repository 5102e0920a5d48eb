/** Canaries in every place a person or a provider can write to, and every path on which they could travel. */
import { expect } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { askPublic } from './ask-public.ts';
import { askCodex, codexBody, type CodexAsk } from './codex-request.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';
import type { Linked } from './household.ts';
import { publicTurn } from './public-turns.ts';
import { openSocket } from './socket-client.ts';

export const planted = {
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

export interface Players {
  readonly gateway: GatewayUnderTest;
  readonly anna: Linked;
  readonly ben: Linked;
  readonly key: string;
  /** May use one model alone. */
  readonly narrow: string;
  readonly adminToken: string;
}

interface Drive extends Players {
  /** A turn with canaries wherever a client can write. */
  readonly ask: CodexAsk;
  /** What the gateway itself said, in order. */
  readonly ownErrors: string[];
  /** This answer is the gateway's own. */
  own(answer: Response): Promise<void>;
  admin(name: string, input: unknown, token?: string): Promise<Response>;
}

/** @returns what the gateway itself said on the way: refusals, errors, and what administrators were told */
export async function driveEveryPath(players: Players): Promise<readonly string[]> {
  const { gateway, adminToken } = players;
  const ownErrors: string[] = [];
  const drive: Drive = {
    ...players,
    ask: plantedAsk(),
    ownErrors,
    own: async (answer) => void ownErrors.push(await answer.text()),
    admin: (name, input, token = adminToken) =>
      fetch(`${gateway.url}/admin/api/${name}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: typeof input === 'string' ? input : JSON.stringify(input),
      }),
  };
  await driveTurns(drive);
  await driveRefusals(drive);
  await driveWebsocket(drive);
  await drivePublic(drive);
  await driveLeaving(drive);
  await driveOwnRefusals(drive);
  await driveAdministration(drive);
  // Last, because it signs the accounts out.
  await driveSignIns(drive);
  return ownErrors;
}

function plantedAsk(): CodexAsk & { readonly headers: Readonly<Record<string, string>> } {
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
  return { text: planted.prompt, thread: planted.thread, headers, items };
}

/** Turns that are served, moved and broken. */
async function driveTurns({ gateway, anna, ben, key, ask }: Drive): Promise<void> {
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
      await askCodex(gateway, key, { body: plain, headers: { ...ask.headers, 'session-id': '', 'thread-id': '' } })
    ).text();
  }
}

/** The provider's refusals, which write what they like. */
async function driveRefusals({ gateway, anna, ben, key, ask }: Drive): Promise<void> {
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
}

/** In frames: what is said, what is refused, what breaks, and a client that leaves. */
async function driveWebsocket({ gateway, anna, ben, key, ask, ownErrors }: Drive): Promise<void> {
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

/** On the OpenAI surface, whose model names may carry a prefix. */
async function drivePublic({ gateway, key, ownErrors }: Drive): Promise<void> {
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

/** A client that leaves in the middle. */
async function driveLeaving({ gateway, anna, ben, key, ask }: Drive): Promise<void> {
  const leaver = new AbortController();
  anna.answers({ behaviour: 'F8', at: 'created' });
  ben.answers({ behaviour: 'F8', at: 'created' });
  const arrived = gateway.sandbox.nextRequest();
  const left = askCodex(gateway, key, { ...ask, signal: leaver.signal }).then((answer) => answer.text());
  await arrived;
  leaver.abort();
  await left.catch(() => undefined);
  for (const account of [anna, ben]) account.forgetScript();
}

/** What the gateway refuses by itself. */
async function driveOwnRefusals({ gateway, key, narrow, ask, own }: Drive): Promise<void> {
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
}

/** What administrators send, and are told. */
async function driveAdministration({ own, admin }: Drive): Promise<void> {
  await own(await admin('accounts.list', {}, planted.wrongToken));
  await own(await admin('accounts.import', { authJson: `{"tokens":{"refresh_token":"${planted.junk}"}}` }));
  await own(await admin('accounts.import', `{"authJson": "${planted.junk}`));
  await own(await admin('settings.change', { name: planted.junk, value: 1 }));
  await own(await admin('accounts.list', {}));
  await own(await admin('api-keys.list', {}));
}

/** The sign-in host writes as freely as the provider does. */
async function driveSignIns({ gateway, anna, ben, key, ask, own, admin }: Drive): Promise<void> {
  anna.answers({ behaviour: 'A3', kind: 'server_error' });
  await own(await admin('accounts.refresh', { account: 'anna' }));
  anna.expireAccessTokens();
  await (await askCodex(gateway, key, ask)).text();
  for (const status of [200, 400, 401, 403, 429, 500]) {
    for (const account of [anna, ben]) {
      account.expireAccessTokens();
      for (let time = 0; time < 2; time += 1)
        account.answers({ behaviour: 'A3', kind: 'in_words', status, text: planted.signInMessage });
    }
    await own(await askCodex(gateway, key, ask));
    gateway.clock.advance(3_600_000);
    await own(await admin('accounts.refresh', { account: 'anna' }));
    gateway.clock.advance(3_600_000);
    for (const account of [anna, ben]) account.forgetScript();
  }
  await own(await admin('accounts.list', {}));
  for (const account of [anna, ben])
    await own(await admin('accounts.import', { authJson: account.authJson(), pool: 'default' }));
  for (const account of [anna, ben]) account.answers({ behaviour: 'F2', kind: 'deactivated_workspace' });
  await own(await askCodex(gateway, key, ask));
}
