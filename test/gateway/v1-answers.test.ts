import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordOf, textOf } from '../../server/lib/json-values.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { settledRow } from '../support/ledger.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';

let gateway: GatewayUnderTest;
let anna: SandboxAccount;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5', 'gpt-6.1-sol'] });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

async function ask(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** A document looked into by name. */
interface Loose {
  readonly [name: string | number]: Loose;
}

const json = ({ text }: { text: string }) => JSON.parse(text) as Loose;

const dataOf = ({ text }: { text: string }) =>
  text
    .split('\n\n')
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice(6));

const chat = { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] };
const responses = { model: 'gpt-5.5', input: 'hi' };

describe('an answer on the OpenAI surface', () => {
  it('is one response object, or the events of one', async () => {
    anna.answers('hello there').thenAnswers('hello there');
    const whole = await ask('/v1/responses', responses);
    expect([whole.status, json(whole)]).toMatchObject([
      200,
      { object: 'response', status: 'completed', model: 'gpt-5.5', output: [{ content: [{ text: 'hello there' }] }] },
    ]);
    const streamed = await ask('/v1/responses', { ...responses, stream: true });
    expect(streamed.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = dataOf(streamed).map((data) => JSON.parse(data) as Loose);
    expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
    expect(events.filter(({ type }) => textOf(type).startsWith('codex'))).toEqual([]);
    expect(events[0]).toMatchObject({ type: 'response.created' });
    expect(events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { output: [{ content: json(whole)['output']?.[0]?.['content'] }] },
    });
    expect(json(whole)['usage']).toMatchObject({ input_tokens: 100, input_tokens_details: { cached_tokens: 40 } });
  });

  it('is one chat completion, or chunks that end in [DONE]', async () => {
    anna.answers('hello chat').thenAnswers('hello chat');
    const whole = await ask('/v1/chat/completions', chat);
    expect([whole.status, json(whole)]).toMatchObject([
      200,
      {
        object: 'chat.completion',
        model: 'gpt-5.5',
        choices: [{ message: { role: 'assistant', content: 'hello chat' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 40 } },
      },
    ]);
    const streamed = await ask('/backend-api/codex/v1/chat/completions', { ...chat, stream: true });
    const data = dataOf(streamed);
    expect(data.at(-1)).toBe('[DONE]');
    const content = data
      .slice(0, -1)
      .map((each) => textOf(recordOf((JSON.parse(each) as Loose)['choices']?.[0]?.['delta'])['content']))
      .join('');
    expect(content).toBe('hello chat');
  });

  it('leaves the same records as a Codex turn', async () => {
    await ask('/v1/chat/completions', { ...chat, model: 'GPT-5.5-high' });
    await gateway.settled(5);
    const { rows } = await gateway.database.pool.query(
      'select endpoint, status, model, requested_model, reasoning_effort, usage_status from requests order by admitted_at desc limit 1',
    );
    expect(rows).toEqual([
      {
        endpoint: '/v1/chat/completions',
        status: 'succeeded',
        model: 'gpt-5.5',
        requested_model: 'gpt-5.5',
        reasoning_effort: 'high',
        usage_status: 'usage_known',
      },
    ]);
  });
});

describe('what the provider sees of a translated request', () => {
  it('is our name and the conversation, and nothing of the client', async () => {
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    await ask(
      '/v1/chat/completions',
      { ...chat, temperature: 0.3, max_tokens: 5, user: 'u-1', metadata: { a: 'b' }, seed: 7 },
      { 'user-agent': 'OpenAI/JS 7.1', 'x-stainless-lang': 'js', 'session-id': 'mine', cookie: 'c=1' },
    );
    const { headers, body } = await arrived;
    const sent = Object.fromEntries(headers);
    expect(sent).toMatchObject({ originator: 'codex_pooler' });
    expect(sent['user-agent']).toMatch(/^codex-pooler\//);
    expect(Object.keys(sent).filter((name) => /stainless|cookie|forwarded/.test(name))).toEqual([]);
    expect(sent['session-id']).not.toBe('mine');
    expect(JSON.parse(body.toString('utf8'))).toEqual({
      model: 'gpt-5.5',
      instructions: '',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
      store: false,
      stream: true,
      include: ['reasoning.encrypted_content'],
    });
  });

  it('begins with the same bytes, in the same session, as the conversation grows', async () => {
    const turns = [{ role: 'user', content: 'first' }];
    const seen: { body: string; session: string | undefined }[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      await ask('/v1/chat/completions', { model: 'gpt-5.5', messages: turns });
      const { headers, body } = await arrived;
      seen.push({ body: body.toString('utf8'), session: Object.fromEntries(headers)['session-id'] });
      turns.push({ role: 'assistant', content: `answer ${turn}` }, { role: 'user', content: `more ${turn}` });
    }
    const inputs = seen.map(({ body }) => body.slice(0, body.indexOf('],"store"')));
    expect(inputs[1]!.startsWith(inputs[0]!)).toBe(true);
    expect(inputs[2]!.startsWith(inputs[1]!)).toBe(true);
    expect(new Set(seen.map(({ session }) => session)).size).toBe(1);
  });

  it('is the lite form for a lite model', async () => {
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
    const answer = await ask('/v1/chat/completions', {
      model: 'gpt-6.1-sol',
      messages: [{ role: 'system', content: 'be brief' }, ...chat.messages],
      tools,
    });
    expect(answer.status).toBe(200);
    const { body, headers } = await arrived;
    const sent = JSON.parse(body.toString('utf8')) as Loose;
    expect(sent['input']?.[0]).toMatchObject({ type: 'additional_tools', role: 'developer' });
    expect([sent['tools'], sent['instructions'], sent['parallel_tool_calls']]).toEqual([undefined, undefined, false]);
    expect(Object.fromEntries(headers)['x-openai-internal-codex-responses-lite']).toBe('true');
    expect(gateway.sandbox.violations).toEqual([]);
  });
});

describe('an error on the OpenAI surface', () => {
  it.each([
    ['an unknown model', { ...chat, model: 'gpt-none' }, 404, 'model_not_found', 'model'],
    ['no model', { messages: chat.messages }, 400, 'missing_required_parameter', 'model'],
    ['an unknown field', { ...chat, frobnicate: 1 }, 400, 'unsupported_parameter', 'frobnicate'],
    ['two choices', { ...chat, n: 2 }, 400, 'unsupported_parameter', 'n'],
    ['a wrong value', { ...chat, temperature: 9 }, 400, 'invalid_request', 'temperature'],
    ['broken JSON', '{"model"', 400, 'invalid_request', null],
    ['a list', '[]', 400, 'invalid_request', null],
  ])('names %s', async (_name, body, status, code, param) => {
    const answer = await ask('/v1/chat/completions', body);
    expect([answer.status, json(answer)]).toMatchObject([
      status,
      { error: { type: 'invalid_request_error', code, param } },
    ]);
    expect(json(answer)['error']?.['message']).toContain(param ?? 'JSON');
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(answer.headers.get('x-request-id')).not.toBeNull();
  });

  it('is recorded with the status its client was told', async () => {
    const answer = await ask('/v1/chat/completions', { ...chat, model: 'gpt-none' });
    expect(answer.status).toBe(404);
    const row = await settledRow(gateway, answer.headers.get('x-request-id'));
    expect(row).toMatchObject({ status: 'rejected', responseStatus: 404 });
  });

  it('is an HTTP error when the provider fails before it says anything', async () => {
    anna.answers({ behaviour: 'F6', code: 'context_length_exceeded' });
    const answer = await ask('/v1/responses', { ...responses, stream: true });
    expect([answer.status, json(answer)]).toMatchObject([400, { error: { code: 'context_length_exceeded' } }]);
    expect(json(answer)['error']?.['message']).toMatch(/^This model's maximum context length/);
  });

  it('ends a stream that breaks: one error event, or one error chunk without [DONE]', async () => {
    anna.dropsAfter(2).thenDropsAfter(2);
    const events = dataOf(await ask('/v1/responses', { ...responses, stream: true }));
    const last = JSON.parse(events.at(-1)!) as Loose;
    expect(last).toMatchObject({ type: 'error', code: 'upstream_stream_truncated', error: { type: 'server_error' } });
    expect(last['sequence_number']).toBe(events.length - 1);
    const chunks = dataOf(await ask('/v1/chat/completions', { ...chat, stream: true }));
    expect(JSON.parse(chunks.at(-1)!)).toMatchObject({ error: { code: 'upstream_stream_truncated' } });
    expect(chunks).not.toContain('[DONE]');
  });

  it('tells when used-up accounts come back, and not to ask sooner', async () => {
    anna.windows([{ minutes: 300, usedPercent: 100, resetsInSeconds: 600 }]);
    anna.fails(429, { resetsInSeconds: 600 });
    const answer = await ask('/v1/chat/completions', chat);
    expect([answer.status, json(answer)]).toMatchObject([
      429,
      { error: { type: 'insufficient_quota', code: 'usage_limit_reached' } },
    ]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(500);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(json(answer)['error']?.['resets_in_seconds']).toBeGreaterThan(500);
    gateway.clock.advance(601_000);
    anna.windows([{ minutes: 300 }]);
    expect((await ask('/v1/chat/completions', chat)).status).toBe(200);
  });

  it('says who may not ask, before a body is read', async () => {
    const bare = await fetch(`${gateway.url}/v1/responses`, { method: 'POST', body: '{broken' });
    expect([bare.status, bare.headers.get('www-authenticate'), await bare.json()]).toMatchObject([
      401,
      'Bearer',
      { error: { code: 'invalid_api_key' } },
    ]);
    const other = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': key } });
    expect([other.status, await other.json()]).toMatchObject([200, { object: 'list' }]);
  });
});

describe('the models of the OpenAI surface', () => {
  it('are those of the Pool, each found under its id', async () => {
    const authorized = { headers: { authorization: `Bearer ${key}` } };
    const list = (await (await fetch(`${gateway.url}/v1/models`, authorized)).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id).toSorted()).toEqual(['gpt-5.5', 'gpt-6.1-sol']);
    // Nothing of it changes from call to call, the time of its making included.
    gateway.clock.advance(5_000);
    expect(await (await fetch(`${gateway.url}/v1/models`, authorized)).json()).toEqual(list);
    const one = await fetch(`${gateway.url}/v1/models/GPT-5.5`, authorized);
    expect(await one.json()).toEqual(list.data.find(({ id }) => id === 'gpt-5.5'));
    expect((await fetch(`${gateway.url}/v1/models/gpt-none`, authorized)).status).toBe(404);
    const codex = await fetch(`${gateway.url}/v1/models?client_version=0.169.0`, authorized);
    expect(Object.keys((await codex.json()) as object)).toEqual(['models']);
  });
});
