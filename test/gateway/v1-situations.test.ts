/** The OpenAI surface through the real app: compaction, usage, policies, what moves with a conversation, first failures. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../server/contract/limits.ts';
import { textOf } from '../../server/lib/json-values.ts';
import { askPublic, type Loose, type PublicAsk } from '../support/ask-public.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let ben: typeof anna;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5', 'gpt-6.1-sol'] });
  ben = await gateway.link('ben', { percentPerAnswer: 0, models: ['gpt-5.5', 'gpt-6.1-sol'] });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => {
  for (const account of [anna, ben]) account.forgetScript();
  gateway.clock.advance(700_000);
});

const ask = (question: PublicAsk) => askPublic(gateway, { key, ...question });
const responses = { model: 'gpt-5.5', input: 'hi' };
const chat = { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] };
const arriving = (path = '/backend-api/codex/responses') => gateway.sandbox.nextRequest({ path });
const both = (script: (account: typeof anna) => unknown) => [anna, ben].forEach(script);

describe('a compaction', () => {
  it('is one document, of a body that the unary call takes', async () => {
    const arrived = arriving('/backend-api/codex/responses/compact');
    const answer = await ask({
      path: '/v1/responses/compact',
      body: {
        ...responses,
        instructions: 'keep names',
        tools: [],
        tool_choice: 'auto',
        store: false,
        include: [],
        prompt_cache_key: 'thread',
        metadata: { a: 'b' },
      },
    });
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      {
        object: 'response.compaction',
        output: [{ type: 'compaction', encrypted_content: expect.any(String) as string }],
      },
    ]);
    expect(answer.json()['id']).toEqual(expect.any(String));
    expect(Number.isInteger(answer.json()['created_at'])).toBe(true);
    expect(Object.keys((await arrived).json())).toEqual(['model', 'instructions', 'input', 'tools']);
    expect(gateway.sandbox.violations).toEqual([]);
  });

  it('is no stream', async () => {
    const answer = await ask({ path: '/v1/responses/compact', body: { ...responses, stream: true } });
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { param: 'stream' } }]);
  });

  it('may be asked for as the last item of a turn, and its account alone reads it again', async () => {
    const input = ['hi', { type: 'compaction_trigger' }];
    const answer = await ask({ path: '/v1/responses', body: { ...responses, input } });
    const item = answer.json()['output']?.[0];
    expect(item).toMatchObject({ type: 'compaction', encrypted_content: expect.any(String) as string });
    const next = await ask({ path: '/v1/responses', body: { ...responses, input: [item, 'go on'] } });
    expect([next.status, gateway.sandbox.violations]).toEqual([200, []]);
  });
});

describe('encrypted reasoning', () => {
  const turn = { ...responses, prompt_cache_key: 'thinking' };
  const think = async (fields: Record<string, unknown>) => {
    both((account) => account.answers({ behaviour: 'N3' }));
    const answer = await ask({ path: '/v1/responses', body: { ...turn, ...fields } });
    both((account) => account.forgetScript());
    return (answer.json()['output'] as unknown as Loose[]).find(({ type }) => textOf(type) === 'reasoning');
  };

  it('is shown to those who keep their conversation themselves, and to nobody else', async () => {
    expect(await think({})).not.toHaveProperty('encrypted_content');
    expect(await think({ store: false })).toHaveProperty('encrypted_content');
    expect(await think({ include: ['reasoning.encrypted_content'] })).toHaveProperty('encrypted_content');
  });

  it('is left out once where another account has to answer', async () => {
    const thought = await think({ store: false });
    const last = gateway.sandbox.requests.findLast(({ path }) => path.endsWith('/responses'));
    const owner = last?.account === 'anna' ? anna : ben;
    owner.fails(429, { resetsInSeconds: 600 });
    const from = gateway.sandbox.requests.length;
    const input = ['hi', thought, 'go on'];
    const answer = await ask({ path: '/v1/responses', body: { ...turn, input, store: false } });
    expect(answer.status).toBe(200);
    const bodies = gateway.sandbox.requests
      .slice(from)
      .filter((each) => each.path.endsWith('/responses'))
      .map(({ body: sent }) => sent.toString());
    expect(bodies.map((body) => body.includes('"type":"reasoning"'))).toEqual([true, true, false]);
  });
});

describe('a failure', () => {
  const failure = { behaviour: 'F6', code: 'cyber_policy', message: 'no', deltas: 0 } as const;

  it.each([
    ['/v1/responses', responses],
    ['/v1/chat/completions', chat],
  ])('that comes first is an HTTP error of %s, asked once', async (path, body) => {
    both((account) => account.answers(failure));
    const turns = () => gateway.sandbox.requests.filter((each) => each.path.endsWith('/responses')).length;
    const before = turns();
    const answer = await ask({ path, body: { ...body, stream: true } });
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { code: 'cyber_policy' } }]);
    expect(turns() - before).toBe(1);
  });

  it('behind text ends the stream: a whole failed response, or one chunk without [DONE]', async () => {
    both((account) => account.always({ ...failure, deltas: 3 }));
    const events = (await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).data();
    const last = JSON.parse(events.at(-1) ?? '') as Loose;
    expect(last).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'cyber_policy' }, object: 'response' },
    });
    const chunks = (await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } })).data();
    expect(JSON.parse(chunks.at(-1) ?? '')).toMatchObject({ error: { code: 'cyber_policy', param: null } });
    expect(chunks.filter((each) => /DONE|"finish_reason":"/.test(each))).toEqual([]);
  });

  it('of the provider’s own kind moves to another account, and the client sees one answer', async () => {
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    ben.answers({ behaviour: 'F4', kind: 'server_error' });
    const answer = await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } });
    expect([answer.status, answer.json()]).toMatchObject([
      502,
      { error: { type: 'server_error', code: 'upstream_error' } },
    ]);
    gateway.clock.advance(700_000);
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    const next = await ask({ path: '/v1/responses', body: { ...responses, stream: true } });
    const ids = next.data().flatMap((each) => (JSON.parse(each) as Loose)['response']?.['id'] ?? []);
    expect([next.status, new Set(ids).size]).toEqual([200, 1]);
  });

  it('of our token is never the client’s 401', async () => {
    both((account) => account.always({ behaviour: 'F1', kind: 'unauthorized' }));
    const answer = await ask({ path: '/v1/chat/completions', body: chat });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(answer.json()['error']).toMatchObject({ type: 'server_error' });
  });
});

describe('what a key may do', () => {
  it('is asked of the model that its name means', async () => {
    const narrow = await gateway.key({ name: 'narrow', allowedModels: ['gpt-5.5'] });
    for (const model of ['openai/GPT-5.5-high', 'gpt-5.5(low)', ' gpt-5.5 '])
      expect((await ask({ path: '/v1/chat/completions', key: narrow, body: { ...chat, model } })).status).toBe(200);
    const refused = await ask({
      path: '/v1/chat/completions',
      key: narrow,
      body: { ...chat, model: 'openai/gpt-6.1-sol' },
    });
    expect([refused.status, refused.json()]).toMatchObject([
      403,
      { error: { code: 'model_not_allowed', param: 'model' } },
    ]);
    expect((await ask({ path: '/v1/models/gpt-6.1-sol', key: narrow })).status).toBe(404);
    const list = (await ask({ path: '/v1/models', key: narrow })).json();
    expect((list['data'] as unknown as Loose[]).map(({ id }) => id)).toEqual(['gpt-5.5']);
  });

  it.each([
    ['/v1/chat/completions', { ...chat, reasoning_effort: 'high' }, 'reasoning_effort'],
    ['/v1/responses', { ...responses, reasoning: { effort: 'high' } }, 'reasoning.effort'],
    ['/v1/chat/completions', { ...chat, model: 'gpt-5.5-high' }, 'reasoning_effort'],
  ])('bounds the effort on %s, in the words of its surface', async (path, body, param) => {
    const calm = await gateway.key({
      name: `calm ${param} ${body.model}`,
      policy: { effort: { rule: 'at_most', level: 'low' } },
    });
    const answer = await ask({ path, key: calm, body });
    expect([answer.status, answer.json()]).toMatchObject([
      400,
      { error: { code: 'reasoning_effort_not_allowed', param } },
    ]);
  });

  it('leaves a row where it refuses, and none where the request itself was wrong', async () => {
    const count = async () => {
      const { rows } = await gateway.database.pool.query<{ n: string }>('select count(*) n from requests');
      return Number(rows[0]?.n);
    };
    const narrow = await gateway.key({ name: 'rows', allowedModels: [] });
    const settled = gateway.log.filter(({ event }) => event === 'exchange_settled').length;
    const before = await count();
    await ask({ path: '/v1/chat/completions', key: narrow, body: { ...chat, n: 2 } });
    const refused = await ask({ path: '/v1/chat/completions', key: narrow, body: chat });
    await gateway.settled(settled + 1);
    expect(await count()).toBe(before + 1);
    const { rows } = await gateway.database.pool.query(
      'select status, error_code, endpoint from requests where id = $1',
      [refused.headers.get('x-request-id')],
    );
    expect(rows).toEqual([{ status: 'rejected', error_code: 'model_not_allowed', endpoint: '/v1/chat/completions' }]);
  });
});

describe('what a model knows', () => {
  it('decides on a tier, and on a choice of one tool', async () => {
    const tier = await ask({ path: '/v1/responses', body: { ...responses, service_tier: 'ultrafast' } });
    expect([tier.status, tier.json()]).toMatchObject([
      400,
      { error: { code: 'invalid_request', param: 'service_tier' } },
    ]);
    const tools = [{ type: 'function', name: 'look', parameters: {} }];
    const tool_choice = { type: 'function', name: 'look' };
    const lite = await ask({ path: '/v1/responses', body: { ...responses, model: 'gpt-6.1-sol', tools, tool_choice } });
    expect([lite.status, lite.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported_parameter', param: 'tool_choice' } },
    ]);
    expect((await ask({ path: '/v1/responses', body: { ...responses, tools, tool_choice } })).status).toBe(200);
  });
});

describe('the usage of a key', () => {
  it('is what it used, and what limits it', async () => {
    const own = await gateway.key({ name: 'counted' });
    await gateway.call(limits.set, { key: 'counted', unit: 'requests', window: 'day', model: null, maximum: 10 });
    const settled = gateway.log.filter(({ event }) => event === 'exchange_settled').length;
    await ask({ path: '/v1/chat/completions', key: own, body: chat });
    await gateway.settled(settled + 1);
    const answer = await ask({ path: '/v1/usage', key: own });
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      {
        request_count: 1,
        total_tokens: 107,
        cached_input_tokens: 40,
        limits: [{ unit: 'requests', window: 'day', max_value: 10, current_value: 1 }],
        upstream_limits: expect.any(Array) as unknown[],
      },
    ]);
    expect(answer.json()['total_cost_usd']).toBeGreaterThan(0);
  });

  it('takes no parameters', async () => {
    const answer = await ask({ path: '/v1/usage?days=3' });
    expect([answer.status, answer.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported_parameter', param: 'days' } },
    ]);
  });
});

describe('an address', () => {
  it('means the same however it is spelled', async () => {
    expect((await ask({ path: '/v1/%6Dodels/' })).json()).toMatchObject({ object: 'list' });
    expect((await ask({ path: '/v1/chat/%63ompletions/', body: chat })).status).toBe(200);
    expect((await ask({ path: '/v1/models/gpt%2D5.5' })).status).toBe(200);
    expect((await ask({ path: '/v1/models/other%2Fmodel' })).json()).toMatchObject({
      error: { code: 'model_not_found' },
    });
    expect((await ask({ path: '/v1/responses', method: 'HEAD' })).status).toBe(400);
    const options = await ask({ path: '/v1/models/gpt-5.5', method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it.each(['/v1/files%2Fx', '/v1/a%5Cb', '/v1/a%00', '/v1/%zz', '/v1/models/a%00'])('%s is refused', async (path) => {
    expect((await ask({ path })).json()).toMatchObject({
      error: { code: 'invalid_request', type: 'invalid_request_error' },
    });
  });
});
