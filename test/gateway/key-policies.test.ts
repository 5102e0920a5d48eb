/** What a key may ask for, through the real app: what reaches the provider, what is refused, what is recorded. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import type { KeyPolicy } from '../../server/contract/key-policy.ts';
import { routing } from '../../server/contract/pools.ts';
import { askCodex, codexBody, type CodexAsk } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
/** Exchanges of this file that left a row. */
let closed = 0;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5', 'gpt-6-luna'] });
});
afterAll(() => gateway.stop());
beforeEach(() => void (closed = gateway.log.filter(({ event }) => event === 'exchange_settled').length));

/** Asks once with a key of this policy. */
async function ask(policy: Partial<KeyPolicy>, request: CodexAsk = {}) {
  const answer = await askCodex(gateway, await gateway.key({ policy }), request);
  const text = await answer.text();
  const requestId = answer.headers.get('x-request-id') ?? '';
  await gateway.settled((closed += 1));
  const row = await gateway.database.db
    .selectFrom('requests')
    .select(['status', 'errorCode', 'model', 'requestedModel', 'requestedTier', 'reasoningEffort', 'responseStatus'])
    .where('id', '=', requestId)
    .executeTakeFirst();
  return { status: answer.status, text, row };
}

/** The same, when the provider must see it: the body that arrived there. */
async function arrival(policy: Partial<KeyPolicy>, request: CodexAsk = {}) {
  const { path = '/backend-api/codex/responses' } = request;
  const arriving = gateway.sandbox.nextRequest({ path });
  const asked = await ask(policy, request);
  expect([asked.status, asked.text.slice(0, 300)]).toEqual([200, expect.any(String)]);
  return { ...asked, body: (await arriving).body.toString() };
}

function errorOf({ text }: { text: string }) {
  return (JSON.parse(text) as { error: { code: string; param: string | null; message: string } }).error;
}

const withEffort = (effort: unknown) => codexBody().replace('"medium"', JSON.stringify(effort));

describe('a model that is always used', () => {
  it('is asked of the provider instead, in place; both names are recorded', async () => {
    const text = codexBody({ model: 'gpt-5.5' });
    const { body, row } = await arrival({ enforcedModel: 'gpt-6-luna' }, { body: text });
    expect(body).toBe(text.replace('gpt-5.5', 'gpt-6-luna'));
    expect(row).toMatchObject({ status: 'succeeded', model: 'gpt-6-luna', requestedModel: 'gpt-5.5' });
  });

  it('makes also the compactions', async () => {
    const text = '{"model":"gpt-5.5","input":[],"instructions":"","tools":[]}';
    const path = '/backend-api/codex/responses/compact';
    const { body, row } = await arrival({ enforcedModel: 'gpt-6-luna' }, { body: text, path });
    expect(body).toBe(text.replace('gpt-5.5', 'gpt-6-luna'));
    expect(row).toMatchObject({ model: 'gpt-6-luna', requestedModel: 'gpt-5.5' });
  });

  it('answers also who asks for a model that nobody has', async () => {
    expect((await arrival({ enforcedModel: 'gpt-5.5' }, { model: 'unheard-of' })).row).toMatchObject({
      model: 'gpt-5.5',
      requestedModel: '(unlisted)',
    });
  });
});

describe('an alias', () => {
  it('leads to its model, whatever the case', async () => {
    const { body, row } = await arrival({ modelAliases: { quick: 'gpt-6-luna' } }, { model: 'Quick' });
    expect(body).toContain('{"model":"gpt-6-luna",');
    expect(row).toMatchObject({ model: 'gpt-6-luna', requestedModel: 'quick' });
  });
});

describe('the models that a key may use', () => {
  it('are compared without case and blanks', async () => {
    const { body, row } = await arrival({ allowedModels: ['gpt-5.5'] }, { model: ' GPT-5.5 ' });
    expect(body).toBe(codexBody());
    expect(row).toMatchObject({ model: 'gpt-5.5', requestedModel: 'gpt-5.5' });
  });

  it.each([
    ['another is asked', ['gpt-6-luna'], {}],
    ['there is none', [], {}],
    ['an alias leads to another', ['quick'], { quick: 'gpt-5.5' }],
  ])(
    'refuse a request once and for all when %s, before it costs anything',
    async (_name, allowedModels, modelAliases) => {
      const model = 'quick' in modelAliases ? 'quick' : 'gpt-5.5';
      const refused = await ask({ allowedModels, modelAliases }, { model });
      expect(refused.status).toBe(400);
      expect(errorOf(refused)).toMatchObject({ code: 'model_not_allowed', param: 'model' });
      expect(refused.row).toMatchObject({
        status: 'rejected',
        errorCode: 'model_not_allowed',
        model: 'gpt-5.5',
        requestedModel: model,
        responseStatus: 400,
      });
    },
  );
});

describe('a highest reasoning effort', () => {
  const policy: Partial<KeyPolicy> = { effort: { rule: 'at_most', level: 'medium' } };

  it('lets a request that stays below it travel as it came', async () => {
    const body = withEffort('low');
    expect((await arrival(policy, { body })).body).toBe(body);
  });

  it.each(['high', 'ultra', 'extreme', 7, ['low']])('refuses %j, instead of lowering it', async (effort) => {
    const refused = await ask(policy, { body: withEffort(effort) });
    expect(refused.status).toBe(400);
    expect(errorOf(refused)).toMatchObject({ code: 'reasoning_effort_not_allowed', param: 'reasoning.effort' });
    expect(errorOf(refused).message).toContain('Choose low, medium, or none.');
    expect(refused.row).toMatchObject({ status: 'rejected', errorCode: 'reasoning_effort_not_allowed' });
  });

  it("gives the model's default to a request that names none, else the highest allowed", async () => {
    const none = codexBody().replace('"reasoning":{"effort":"medium"},', '');
    const { body, row } = await arrival(policy, { body: none });
    expect(body).toBe(`${none.slice(0, -1)},"reasoning":{"effort":"medium"}}`);
    expect(row).toMatchObject({ reasoningEffort: 'medium' });
    const lower = await arrival({ effort: { rule: 'at_most', level: 'low' } }, { body: none });
    expect(lower.row).toMatchObject({ reasoningEffort: 'low' });
  });
});

describe('an effort and a tier that are always used', () => {
  it('stand in the body instead of what was asked, and everything else as it came', async () => {
    const { body, row } = await arrival({ effort: { rule: 'always', level: 'low' }, serviceTier: 'priority' });
    expect(body).toBe(`${codexBody().replace('"medium"', '"low"').slice(0, -1)},"service_tier":"priority"}`);
    expect(row).toMatchObject({ reasoningEffort: 'low', requestedTier: 'priority' });
  });

  it('take a tier out where the provider shall choose', async () => {
    const fast = codexBody().replace('"stream":true', '"stream":true,"service_tier":"priority"');
    const { body, row } = await arrival({ serviceTier: 'default' }, { body: fast });
    expect(body).toBe(codexBody());
    expect(row).toMatchObject({ requestedTier: null });
  });
});

describe('a key with a policy that changes nothing of a request', () => {
  it('leaves its body as it came, byte for byte', async () => {
    const body = `${codexBody().slice(0, -1)} , "x" : 1.0e0, "y":"\\u0041"}`;
    const policy: Partial<KeyPolicy> = {
      allowedModels: ['gpt-5.5'],
      enforcedModel: 'gpt-5.5',
      effort: { rule: 'always', level: 'medium' },
      serviceTier: 'auto',
      allowedAddresses: ['127.0.0.0/8', '::1'],
    };
    expect((await arrival(policy, { body })).body).toBe(body);
  });
});

describe('a policy that cannot be read', () => {
  it('refuses everything until it is set again, and then allows no model that is not named', async () => {
    const secret = await gateway.key({ name: 'broken' });
    const { db } = gateway.database;
    await db.updateTable('apiKeys').set({ policy: '{"effort":"any"}' }).where('name', '=', 'broken').execute();
    await gateway.call(apiKeys.update, { key: 'broken', notes: 'read again' });
    const answer = await askCodex(gateway, secret);
    expect([answer.status, errorOf({ text: await answer.text() }).code]).toEqual([400, 'api_key_policy_malformed']);
    const list = await fetch(`${gateway.url}/backend-api/codex/models`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(list.status).toBe(400);
    await gateway.settled((closed += 1));
    const { key } = await gateway.call(apiKeys.update, { key: 'broken', policy: { serviceTier: 'flex' } });
    expect(key.policy).toMatchObject({ allowedModels: [], effort: null, serviceTier: 'flex' });
  });
});

describe('the addresses of a key', () => {
  it('refuse a call from elsewhere before its body is read, on every path', async () => {
    const secret = await gateway.key({ policy: { allowedAddresses: ['203.0.113.0/24'] } });
    const refused = await askCodex(gateway, secret, { body: 'not even JSON' });
    expect([refused.status, errorOf({ text: await refused.text() }).code]).toEqual([400, 'address_not_allowed']);
    for (const path of ['/backend-api/codex/models', '/backend-api/wham/usage'])
      expect((await fetch(gateway.url + path, { headers: { authorization: `Bearer ${secret}` } })).status).toBe(400);
  });
});

describe('how a Pool has a model served', () => {
  async function listOf(secret: string) {
    const answer = await fetch(`${gateway.url}/backend-api/codex/models?client_version=0.169.0`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    return { etag: answer.headers.get('etag'), text: await answer.text() };
  }

  it('is told in the model list, in place; answers then no longer name the list of the provider', async () => {
    const secret = await gateway.key();
    const before = await listOf(secret);
    const named = async () => {
      const answer = await askCodex(gateway, secret, { thread: randomUUID() });
      await answer.text();
      return answer.headers.get('x-models-etag');
    };
    expect(await named()).toBe(before.etag);
    await gateway.call(routing.serve, { pool: 'default', model: 'gpt-5.5', mode: 'lite' });
    const after = await listOf(secret);
    expect(after.text).toBe(before.text.replace('"use_responses_lite":false', '"use_responses_lite":true'));
    expect(after.text).not.toBe(before.text);
    expect(after.etag).not.toBe(before.etag);
    expect(await named()).toBeNull();
    await gateway.call(routing.serve, { pool: 'default', model: 'gpt-5.5', mode: 'auto' });
    expect(await listOf(secret)).toEqual(before);
  });
});
