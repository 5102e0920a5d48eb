/** Answers on their way to clients of the OpenAI surface: whatever form the provider gives them, and however they end. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import { askPublic, type Loose, type PublicAsk } from '../support/ask-public.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { settledRow } from '../support/ledger.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let ben: typeof anna;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5'] });
  ben = await gateway.link('ben', { percentPerAnswer: 0, models: ['gpt-5.5'] });
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
const both = (script: Parameters<typeof anna.always>[0]) => [anna, ben].forEach((account) => account.always(script));
const turns = () => gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).length;
const eventsOf = (data: readonly string[]) => data.map((each) => JSON.parse(each) as Loose);
const said = (chunks: readonly string[]) =>
  eventsOf(chunks.filter((each) => each !== '[DONE]'))
    .map((chunk) => textOf(chunk['choices']?.[0]?.['delta']?.['content']))
    .join('');

/** Opens a stream that is read as it comes. */
async function open(path: string, body: unknown) {
  const leaving = new AbortController();
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: leaving.signal,
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  return { answer, leave: () => leaving.abort(), next: async () => (await reader.read()).value ?? '' };
}

describe('an answer of the provider', () => {
  it.each([
    'crlf',
    'lone_cr',
    'crlf_split',
    'utf8_split',
    'multi_line_data',
    'comments',
    'retry_and_id',
    'no_event_line',
    'bom',
    'junk_json',
    'done_marker',
    'no_final_blank',
  ] as const)('in the form %s says the same on both paths, streamed and whole', async (kind) => {
    both({ behaviour: 'F10', kind });
    const streamed = await ask({ path: '/v1/responses', body: { ...responses, stream: true } });
    const events = eventsOf(streamed.data());
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { status: 'completed' } });
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'Hello 😀' }] }];
    expect(events.at(-1)?.['response']?.['output']).toMatchObject(output);
    expect((await ask({ path: '/v1/responses', body: responses })).json()['output']).toMatchObject(output);

    const chunks = (await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } })).data();
    expect([said(chunks), chunks.filter((each) => each === '[DONE]')]).toEqual(['Hello 😀', ['[DONE]']]);
    const whole = (await ask({ path: '/v1/chat/completions', body: chat })).json();
    expect(whole['choices']?.[0]?.['message']?.['content']).toBe('Hello 😀');
  });

  it('that is one document is an answer all the same', async () => {
    both({ behaviour: 'F10', kind: 'json_body' });
    expect((await ask({ path: '/v1/responses', body: responses })).json()).toMatchObject({
      status: 'completed',
      output: [],
    });
    expect((await ask({ path: '/v1/chat/completions', body: chat })).json()).toMatchObject({
      choices: [{ finish_reason: 'stop', message: { content: '' } }],
    });
  });

  it('begins with what the provider says to its own clients, which nobody else hears', async () => {
    both({ behaviour: 'N13' });
    const events = eventsOf((await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).data());
    expect(events[0]).toMatchObject({ type: 'response.created', sequence_number: 0 });
    expect(events.filter(({ type }) => /^codex\.|metadata/.test(textOf(type)))).toEqual([]);
    const [first] = (await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } })).data();
    expect(JSON.parse(first ?? '')).toMatchObject({ choices: [{ delta: { role: 'assistant', content: '' } }] });
  });

  it('may hold an event of 5 MiB; one that is larger than any may be ends it with one error', async () => {
    both({ behaviour: 'F10', kind: 'big_event', bytes: 5 * 2 ** 20 });
    expect((await ask({ path: '/v1/responses', body: responses })).status).toBe(200);
    both({ behaviour: 'F10', kind: 'big_event', bytes: 17 * 2 ** 20 });
    const events = eventsOf((await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).data());
    expect(events.filter(({ type }) => /error|failed|completed/.test(textOf(type)))).toMatchObject([
      { type: 'error', code: 'upstream_response_too_large' },
    ]);
    const chunks = (await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } })).data();
    expect(chunks.filter((each) => each.includes('"error"'))).toHaveLength(1);
    expect(chunks).not.toContain('[DONE]');
    // Whole answers are nothing before they are whole.
    const whole = await ask({ path: '/v1/responses', body: responses });
    expect([whole.status, whole.json()]).toMatchObject([502, { error: { code: 'upstream_response_too_large' } }]);
  });

  it('is a stream when the body says so, whatever the client would accept', async () => {
    both({ behaviour: 'N1' });
    for (const [stream, accept, type] of [
      [true, 'application/json', /^text\/event-stream/],
      [false, 'text/event-stream', /^application\/json/],
    ] as const) {
      const answer = await ask({ path: '/v1/responses', body: { ...responses, stream }, headers: { accept } });
      expect(answer.headers.get('content-type')).toMatch(type);
    }
  });
});

describe('a stream', () => {
  it('that is silent is kept open by comments, and given up when the silence is too long', async () => {
    // However slowly the machine brings its beginning, that is not what ends it.
    await gateway.change({ 'gateway.precommit_timeout_ms': 86_400_000 });
    both({ behaviour: 'F8', at: 'created' });
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const opening = open('/v1/chat/completions', { ...chat, stream: true });
    await arrived;
    const { answer, next } = await passing(opening);
    expect(answer.status).toBe(200);
    let text = '';
    while (!text.includes('keepalive')) text += await passing(next());
    expect(text).toMatch(/^: keepalive\n\n/m);
    while (!text.includes('"error"')) text += await passing(next());
    expect(text).toContain('"code":"stream_idle_timeout"');
    expect(text.split('\n\n').every((block) => /^(?:: |data: |$)/.test(block))).toBe(true);
    await gateway.change({ 'gateway.precommit_timeout_ms': 90_000 });
  });

  it.each([
    ['/v1/responses', responses],
    ['/v1/chat/completions', chat],
  ])('on %s that its client leaves ends the call to the provider, at nobody’s cost', async (path, body) => {
    both({ behaviour: 'N12', deltas: 50, everyMs: 1_000, firstByteMs: 0 });
    const { answer, next, leave } = await open(path, { ...body, stream: true });
    expect(await next()).toContain('data: ');
    const ended = Promise.race(['anna', 'ben'].map((account) => gateway.sandbox.nextStreamEnd({ account })));
    leave();
    expect((await ended).outcome).toBe('left');
    const row = await settledRow(gateway, answer.headers.get('x-request-id'));
    expect(row).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
    for (const account of [anna, ben]) account.forgetScript();
    expect((await ask({ path, body })).status).toBe(200);
  });

  it.each([
    ['a document after ten minutes', { path: '/v1/chat/completions', body: chat }, 600_000],
    ['a stream after two hours', { path: '/v1/responses', body: { ...responses, stream: true } }, 7_200_000],
  ])('that never ends is ended: %s', async (_name, question, longestMs) => {
    // The other limits are not what ends it.
    const longer = { 'gateway.precommit_timeout_ms': 86_400_000, 'gateway.stream_idle_timeout_ms': 86_400_000 };
    await gateway.change(longer);
    both({ behaviour: 'N12', deltas: 1_000, everyMs: 60_000, firstByteMs: 0 });
    const before = gateway.clock.monotonicMs();
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const asked = ask(question);
    await arrived;
    const answer = await passing(asked, 10_000);
    expect(answer.text).toContain('"code":"upstream_request_timeout"');
    expect(gateway.clock.monotonicMs() - before).toBeGreaterThanOrEqual(longestMs);
    await gateway.change({ 'gateway.precommit_timeout_ms': 90_000, 'gateway.stream_idle_timeout_ms': 300_000 });
  });

  const late = [
    [
      'an end that is incomplete because the conversation was too long',
      { type: 'response.incomplete', response: { incomplete_details: { reason: 'context_length_exceeded' } } },
      [400, 'invalid_request_error', 'context_length_exceeded'],
    ],
    [
      'an error event',
      { type: 'error', error: { code: 'context_length_exceeded', message: 'too long' } },
      [400, 'invalid_request_error', 'context_length_exceeded'],
    ],
    [
      'an error event without an object of its own',
      { type: 'error', code: 'rate_limit_exceeded', message: 'slow down' },
      [429, 'rate_limit_error', 'rate_limit_exceeded'],
    ],
  ] as const;
  it.each(late)('that fails late, by %s, is told as what it is, and recorded so', async (_name, event, expected) => {
    const begun = [
      { type: 'response.created', response: { id: 'resp_1' } },
      { type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: 'msg_1', delta: 'hi' },
    ];
    const sseOf = (events: readonly object[]) => events.map((each) => `data: ${JSON.stringify(each)}\n\n`).join('');
    // So long that the failure comes when the beginning was told.
    const between = `: ${'x'.repeat(300_000)}\n\n`;
    both({ behaviour: 'recording', sse: sseOf(begun) + between + sseOf([event]) });
    for (const [path, body] of [
      ['/v1/responses', responses],
      ['/v1/chat/completions', chat],
    ] as const) {
      const { status, json } = await ask({ path, body });
      const { type, code } = json()['error'] ?? {};
      expect([status, type, code]).toEqual(expected);
      const streamed = await ask({ path, body: { ...body, stream: true } });
      expect(streamed.status).toBe(200);
      expect(streamed.data().at(-1)).toContain(`"code":"${expected[2]}"`);
      const row = await settledRow(gateway, streamed.headers.get('x-request-id'));
      expect(row).toMatchObject({ status: 'failed', errorCode: expected[2] });
    }
  });

  it('that fails in its middle ends with the failure as the provider names it, said once', async () => {
    both({ behaviour: 'F6', code: 'context_length_exceeded', deltas: 2 });
    const events = eventsOf((await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).data());
    expect(events.filter(({ type }) => /error|failed|completed/.test(textOf(type)))).toMatchObject([
      { type: 'response.failed', response: { status: 'failed', error: { code: 'context_length_exceeded' } } },
    ]);
    const chunks = (await ask({ path: '/v1/chat/completions', body: { ...chat, stream: true } })).data();
    expect(chunks.filter((each) => each.includes('"error"'))).toHaveLength(1);
    expect(JSON.parse(chunks.at(-1)!)).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });

  it('that has begun is never begun again elsewhere', async () => {
    both({ behaviour: 'F9', at: 'deltas', deltas: 2 });
    const before = turns();
    const { data } = await ask({ path: '/v1/responses', body: { ...responses, stream: true } });
    expect(eventsOf(data()).at(-1)).toMatchObject({ type: 'error', code: 'upstream_stream_truncated' });
    expect(turns() - before).toBe(1);
  });

  it('that was never begun is, whatever broke', async () => {
    anna.fails(500);
    ben.fails(500);
    expect((await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).status).toBe(502);
    gateway.clock.advance(700_000);
    anna.answers({ behaviour: 'F9', at: 'start' });
    expect((await ask({ path: '/v1/responses', body: { ...responses, stream: true } })).status).toBe(200);
  });
});

describe('what is wrong with a request', () => {
  it('is asked of one account, which goes on serving', async () => {
    both({ behaviour: 'F5', kind: 'no_tool_output' });
    const before = turns();
    const answer = await ask({ path: '/v1/chat/completions', body: chat });
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
    expect(turns() - before).toBe(1);
    for (const account of [anna, ben]) account.forgetScript();
    expect((await ask({ path: '/v1/chat/completions', body: chat })).status).toBe(200);
  });
});

/** Lets time pass until it is there. */
async function passing<T>(promise: Promise<T>, stepMs = 250): Promise<T> {
  const state = { isThere: false };
  const done = promise.finally(() => (state.isThere = true));
  while (!state.isThere) {
    gateway.clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}
