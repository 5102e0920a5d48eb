import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { createPublicResponse } from '../openai/public-response.ts';
import { createChatChunks, type ChatData } from './chat-chunks.ts';
import type { ChatFrame } from './chat-parts.ts';
import { collectChat } from './collect-chat.ts';
import { renderChat } from './render-chat.ts';

const frame: ChatFrame = { model: 'gpt-5.5', includesUsage: true };

/** An answer of the provider, told through both forms. */
function answer(events: readonly JsonRecord[], options: Partial<ChatFrame> = {}) {
  let made = 0;
  const own = { ...frame, ...options };
  const stage = createPublicResponse({
    frame: { model: own.model, createdAt: 1_000, echo: {}, toolNameOf: (name) => name },
    showsEncrypted: false,
    makeId: (prefix) => `${prefix}_made${(made += 1)}`,
    nowSeconds: () => 1_001,
    failureOf: (error) => ({
      status: 503,
      code: textOf(error['code']),
      message: 'it failed',
      type: textOf(error['type']),
    }),
  });
  const chunks = createChatChunks(own);
  const streamed = events
    .flatMap((event) => stage.push(event))
    .flatMap((event) => chunks.push(event, stage.ending?.failure ?? null));
  const { ending } = stage;
  return { streamed, whole: ending && ending.kind !== 'failed' ? collectChat(ending.response, own) : null };
}

/** What a client library makes of the chunks. */
function assembled(streamed: readonly ChatData[]) {
  const message = { content: '', reasoning: '', calls: [] as { id: unknown; name: string; input: string }[] };
  for (const data of streamed) {
    if (data === '[DONE]') continue;
    const delta = recordOf(recordOf(listOf(data['choices'])[0])['delta']);
    message.content += textOf(delta['content']);
    message.reasoning += textOf(delta['reasoning_content']);
    for (const each of listOf(delta['tool_calls']).map(recordOf)) {
      const at = each['index'] as number;
      const named = recordOf(each['function'] ?? each['custom']);
      message.calls[at] ??= { id: each['id'], name: textOf(named['name']), input: '' };
      message.calls[at].input += textOf(named['arguments']) + textOf(named['input']);
    }
  }
  return message;
}

const finish = (data: ChatData[]) =>
  data
    .flatMap((each) => (each === '[DONE]' ? [] : (recordOf(listOf(each['choices'])[0])['finish_reason'] ?? [])))
    .at(-1);

const created = { type: 'response.created', response: { id: 'resp_abc', created_at: 1_000 } };
const completed = (rest: JsonRecord = {}) => ({ type: 'response.completed', response: { id: 'resp_abc', ...rest } });
const call = (index: number, input = '') => ({
  type: 'function_call',
  id: `fc_${index}`,
  call_id: `call_${index}`,
  name: `tool_${index}`,
  arguments: input,
});

const pieces = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 5 });
const item = fc.oneof(
  fc.record({ kind: fc.constant('message' as const), pieces }),
  fc.record({ kind: fc.constant('call' as const), pieces }),
  fc.record({ kind: fc.constant('reasoning' as const), pieces }),
);

describe('a chat completion', () => {
  it('says the same streamed and whole, also when calls come interleaved', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.infiniteStream(fc.nat()), (items, chance) => {
        const events: JsonRecord[] = [created];
        const deltas = items.map(({ kind, pieces: given }, index) => {
          const at = { output_index: index, item_id: kind === 'call' ? `fc_${index}` : `it_${index}` };
          const type = { message: 'output_text', call: 'function_call_arguments', reasoning: 'reasoning_summary_text' };
          const extra = kind === 'reasoning' ? { summary_index: 0 } : {};
          return given.map((delta) => ({ ...at, ...extra, type: `response.${type[kind]}.delta`, delta }));
        });
        for (const [index, { kind }] of items.entries())
          events.push({
            type: 'response.output_item.added',
            output_index: index,
            item: kind === 'call' ? call(index) : { type: kind, id: `it_${index}` },
          });
        // Calls run side by side; texts follow one another, as the provider sends them.
        const calls = deltas.filter((_, index) => items[index]!.kind === 'call');
        for (const each of deltas.filter((_, index) => items[index]!.kind !== 'call')) events.push(...each);
        while (calls.some((each) => each.length > 0)) {
          const next = calls[chance.next().value % calls.length]!;
          const delta = next.shift();
          if (delta) events.push(delta);
        }
        for (const [index, { kind, pieces: given }] of items.entries()) {
          const summary = given.length > 0 ? [{ type: 'summary_text', text: given.join('') }] : [];
          const done = { message: {}, call: call(index, given.join('')), reasoning: { summary } }[kind];
          const type = kind === 'call' ? 'function_call' : kind;
          const id = kind === 'call' ? `fc_${index}` : `it_${index}`;
          events.push({ type: 'response.output_item.done', output_index: index, item: { ...done, type, id } });
        }
        const { streamed, whole } = answer([...events, completed()]);
        const message = recordOf(recordOf(listOf(whole?.['choices'])[0])['message']);
        const told = assembled(streamed);
        expect(told.content).toBe(textOf(message['content']));
        expect(told.reasoning).toBe(textOf(message['reasoning_content']));
        expect(told.calls).toEqual(
          listOf(message['tool_calls']).map((each) => {
            const { id, function: named } = each as { id: string; function: { name: string; arguments: string } };
            return { id, name: named.name, input: named.arguments };
          }),
        );
        expect(streamed.at(-1)).toBe('[DONE]');
        expect(finish(streamed)).toBe(recordOf(listOf(whole?.['choices'])[0])['finish_reason']);
      }),
    );
  });

  it('opens with the role, once, under one id, time and model', () => {
    const { streamed } = answer([
      { type: 'codex.rate_limits' },
      created,
      { type: 'response.output_text.delta', output_index: 0, item_id: 'm', delta: 'hi' },
      completed(),
    ]);
    const chunks = streamed.filter((each) => each !== '[DONE]');
    expect(recordOf(listOf(chunks[0]?.['choices'])[0])['delta']).toEqual({ role: 'assistant', content: '' });
    for (const chunk of chunks)
      expect(chunk).toMatchObject({
        id: 'chatcmpl-abc',
        created: 1_000,
        model: 'gpt-5.5',
        object: 'chat.completion.chunk',
      });
  });

  it('numbers its calls densely, whatever stands between them', () => {
    const { streamed } = answer([
      created,
      { type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning', id: 'rs_1' } },
      { type: 'response.output_item.added', output_index: 1, item: call(1) },
      { type: 'response.output_item.added', output_index: 2, item: call(2) },
      { type: 'response.output_item.done', output_index: 2, item: call(2) },
      { type: 'response.function_call_arguments.delta', output_index: 1, item_id: 'fc_1', delta: '{}' },
      completed(),
    ]);
    expect(assembled(streamed).calls).toEqual([
      { id: 'call_1', name: 'tool_1', input: '{}' },
      { id: 'call_2', name: 'tool_2', input: '' },
    ]);
    expect(finish(streamed)).toBe('tool_calls');
  });

  it('delivers a call that only the end names, its arguments once', () => {
    const { streamed } = answer([created, completed({ output: [call(0, '{"a":1}')] })]);
    expect(assembled(streamed).calls).toEqual([{ id: 'call_0', name: 'tool_0', input: '{"a":1}' }]);
  });

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['something_else', 'length'],
  ])('cut by %s ends with %s, streamed and whole', (reason, expected) => {
    const response = { id: 'resp_abc', incomplete_details: { reason } };
    const { streamed, whole } = answer([created, { type: 'response.incomplete', response }]);
    expect([finish(streamed), recordOf(listOf(whole?.['choices'])[0])['finish_reason']]).toEqual([expected, expected]);
  });

  it.each([0, 1])('cut in the midst of a call, after %i whole ones, ends with length, streamed and whole', (index) => {
    const before = index === 0 ? [] : [{ type: 'response.output_item.done', output_index: 0, item: call(0, '{}') }];
    const { streamed, whole } = answer([
      created,
      ...before,
      { type: 'response.output_item.added', output_index: index, item: { ...call(index), status: 'in_progress' } },
      { type: 'response.function_call_arguments.delta', output_index: index, delta: '{"a":' },
      { type: 'response.incomplete', response: { id: 'resp_abc', incomplete_details: { reason: 'something_else' } } },
    ]);
    expect([finish(streamed), recordOf(listOf(whole?.['choices'])[0])['finish_reason']]).toEqual(['length', 'length']);
  });

  it('streams the reasoning and the citations that the provider tells only when an item is complete', () => {
    const citation = { type: 'url_citation', start_index: 0, end_index: 2, url: 'https://a.example', title: 'A' };
    const summary = ['one', 'two'].map((text) => ({ type: 'summary_text', text }));
    const content = [{ type: 'output_text', text: 'hi', annotations: [citation] }];
    const { streamed, whole } = answer([
      created,
      { type: 'response.output_item.done', output_index: 0, item: { type: 'reasoning', id: 'rs_0', summary } },
      { type: 'response.output_item.done', output_index: 1, item: { type: 'message', id: 'msg_1', content } },
      completed(),
    ]);
    const message = recordOf(recordOf(listOf(whole?.['choices'])[0])['message']);
    expect(message['reasoning_content']).toBe('one\n\ntwo');
    expect(assembled(streamed)).toMatchObject({ content: 'hi', reasoning: 'one\n\ntwo' });
    const deltas = streamed.map((data) => recordOf(recordOf(listOf(recordOf(data)['choices'])[0])['delta']));
    expect(deltas.flatMap(({ annotations }) => listOf(annotations))).toEqual(message['annotations']);
  });

  it('tells its usage in one chunk of its own, and only to whom asks', () => {
    const usage = {
      input_tokens: 9,
      output_tokens: 4,
      total_tokens: 13,
      input_tokens_details: { cached_tokens: 5 },
      output_tokens_details: { reasoning_tokens: 3 },
    };
    const asked = answer([created, completed({ usage })]);
    const told = asked.streamed.filter((each) => each !== '[DONE]' && listOf(each['choices']).length === 0);
    expect(told).toMatchObject([
      {
        usage: {
          prompt_tokens: 9,
          completion_tokens: 4,
          total_tokens: 13,
          prompt_tokens_details: { cached_tokens: 5 },
          completion_tokens_details: { reasoning_tokens: 3 },
        },
      },
    ]);
    expect(recordOf(asked.whole)['usage']).toEqual(recordOf(told[0])['usage']);
    const others = answer([created, completed({ usage })], { includesUsage: false }).streamed;
    expect(others.filter((each) => each !== '[DONE]' && 'usage' in each)).toEqual([]);
    const short = { input_tokens: 9, output_tokens: 4, input_tokens_details: { cache_write_tokens: 2 } };
    expect(recordOf(answer([created, completed({ usage: short })]).whole)['usage']).toMatchObject({
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 2 },
    });
    const beside = { input_tokens: 9, output_tokens: 4, cache_write_tokens: 3 };
    expect(recordOf(answer([created, completed({ usage: beside })]).whole)['usage']).toMatchObject({
      prompt_tokens_details: { cache_write_tokens: 3 },
    });
    const unknown = answer([created, completed()]);
    expect(unknown.streamed.filter((each) => each !== '[DONE]' && listOf(each['choices']).length === 0)).toEqual([]);
    expect('usage' in recordOf(unknown.whole)).toBe(false);
  });

  it('that fails ends in an error without the word that ends a good one', () => {
    const error = { code: 'context_length_exceeded', type: 'invalid_request_error' };
    const { streamed } = answer([created, { type: 'response.failed', response: { error } }]);
    expect(streamed.at(-1)).toEqual({ error: { ...error, message: 'it failed', param: null } });
  });

  it('keeps refusals, citations and several messages apart', () => {
    const citation = { type: 'url_citation', start_index: 0, end_index: 2, url: 'https://a.example', title: 'A' };
    const { streamed, whole } = answer([
      created,
      { type: 'response.output_text.delta', output_index: 0, item_id: 'm0', delta: 'one' },
      { type: 'response.output_text.annotation.added', output_index: 0, item_id: 'm0', annotation: citation },
      { type: 'response.output_text.delta', output_index: 1, item_id: 'm1', delta: 'two' },
      { type: 'response.refusal.delta', output_index: 2, item_id: 'm2', delta: 'no' },
      completed(),
    ]);
    expect(assembled(streamed).content).toBe('one\n\ntwo');
    expect(recordOf(recordOf(listOf(whole?.['choices'])[0])['message'])).toMatchObject({
      content: 'one\n\ntwo',
      refusal: 'no',
    });
    const { type, ...rest } = citation;
    const annotated = streamed.find((each) => JSON.stringify(each).includes('annotations'));
    expect(recordOf(recordOf(listOf(recordOf(annotated)['choices'])[0])['delta'])).toEqual({
      annotations: [{ type, url_citation: rest }],
    });
  });
});

describe('a chat that fails before it says anything', () => {
  const failure = { status: 503, code: 'server_is_overloaded', message: 'it failed', type: 'server_error' };
  const rendering = () =>
    renderChat(
      {
        frame: { model: 'gpt-5.5', createdAt: 1_000, echo: {}, toolNameOf: (name) => name },
        showsEncrypted: false,
        makeId: (prefix) => `${prefix}_made`,
        nowSeconds: () => 1_001,
        failureOf: () => failure,
      },
      frame,
    );

  it('is one chunk of nothing but the error', () => {
    const failed = { type: 'response.failed', response: { id: 'resp_1', error: { code: 'server_is_overloaded' } } };
    const lines = rendering()
      .push(failed)
      .split('\n\n')
      .filter((line) => line !== '');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]?.slice('data: '.length) ?? '')).toMatchObject({
      error: { code: failure.code, param: null },
    });
    expect(rendering().breakOff(failure)).toMatch(/^data: \{"error":[^\n]*\n\n$/);
  });
});
