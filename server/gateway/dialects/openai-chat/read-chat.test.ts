import { describe, expect, it } from 'vitest';
import { publicRequest, readPublic, refusalOf, sent, textSent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const chat = (fields: JsonRecord = {}) => publicRequest('chat', fields);
const messages = (...list: JsonRecord[]) => chat({ messages: list });
const inputOf = (...list: JsonRecord[]) => sent('chat', messages({ role: 'user', content: 'first' }, ...list))['input'];
const afterFirst = (...list: JsonRecord[]) => (inputOf(...list) as unknown[]).slice(1);
const said = (role: string, ...content: JsonRecord[]) => ({ type: 'message', role, content });
const input = (text: string) => ({ type: 'input_text', text });
const output = (text: string) => ({ type: 'output_text', text });
const call = (id: string, name: string, args = '{}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

describe('fields of a chat request', () => {
  it('are dropped where the provider would refuse them', () => {
    const dropped = {
      temperature: 0.5,
      top_p: 0.5,
      max_tokens: 10,
      max_completion_tokens: 10,
      seed: 1,
      user: 'u',
      metadata: { a: 'b' },
      presence_penalty: 1,
      frequency_penalty: -1,
      stop: [],
      n: 1,
      logprobs: false,
      top_logprobs: 0,
      logit_bias: {},
      modalities: ['text'],
      prediction: { type: 'content', content: 'x' },
      safety_identifier: 's',
      store: true,
      prompt_cache_retention: '24h',
      prompt_cache_options: { mode: 'implicit', ttl: '30m' },
      stream_options: { include_usage: true, include_obfuscation: false },
      function_call: 'none',
      audio: null,
    };
    expect(sent('chat', chat(dropped))).toEqual(sent('chat', chat()));
  });

  it('stay omitted when omitted, and empty when empty', () => {
    expect(Object.keys(sent('chat', chat()))).toEqual(['model', 'instructions', 'input', 'store', 'stream', 'include']);
    expect(sent('chat', chat({ tools: [] }))['tools']).toEqual([]);
    expect(sent('chat', chat({ tools: null, tool_choice: null, response_format: null }))).toEqual(sent('chat', chat()));
  });

  it('go on under the names of the provider', () => {
    const body = sent('chat', {
      ...chat(),
      reasoning_effort: ' MINIMAL ',
      verbosity: 'low',
      service_tier: 'fast',
      prompt_cache_key: 'thread',
      parallel_tool_calls: false,
      moderation: { model: 'm' },
    });
    expect(body).toMatchObject({
      reasoning: { effort: 'low' },
      text: { verbosity: 'low' },
      service_tier: 'priority',
      prompt_cache_key: 'thread',
      parallel_tool_calls: false,
      moderation: { model: 'm' },
    });
    expect(sent('chat', chat({ textVerbosity: 'high', reasoningSummary: 'auto' }))).toMatchObject({
      text: { verbosity: 'high' },
      reasoning: { summary: 'auto' },
    });
    expect(sent('chat', chat({ reasoning_summary: 'concise' }))).toMatchObject({ reasoning: { summary: 'concise' } });
  });

  it.each<[JsonRecord, string]>([
    [{ logprobs: true, aaa: 1 }, 'unsupported_parameter logprobs'],
    [{ text: { verbosity: 'loud' } }, 'invalid_request text.verbosity'],
    [{ text: { tone: 'loud' } }, 'unsupported_parameter text.tone'],
    [{ zzz: 1, bbb: 1, model: '' }, 'unsupported_parameter bbb'],
    [{ model: ' ', temperature: 9 }, 'missing_required_parameter model'],
    [{ model: null }, 'missing_required_parameter model'],
    [{ model: 5 }, 'invalid_request model'],
    [{ n: 2 }, 'unsupported_parameter n'],
    [{ top_logprobs: 3 }, 'unsupported_parameter top_logprobs'],
    [{ functions: [{}] }, 'unsupported_parameter functions'],
    [{ function_call: { name: 'x' } }, 'unsupported_parameter function_call'],
    [{ logit_bias: { 1: 2 } }, 'unsupported_parameter logit_bias'],
    [{ modalities: ['text', 'audio'] }, 'unsupported_parameter modalities'],
    [{ audio: {} }, 'unsupported_parameter audio'],
    [{ stop: ['x'] }, 'unsupported_parameter stop'],
    [{ max_output_tokens: 5 }, 'unsupported_parameter max_output_tokens'],
    [{ max_tokens: 0 }, 'invalid_request max_tokens'],
    [{ max_completion_tokens: 1.5 }, 'invalid_request max_completion_tokens'],
    [{ temperature: 2.1 }, 'invalid_request temperature'],
    [{ presence_penalty: -3 }, 'invalid_request presence_penalty'],
    [{ seed: 1.5 }, 'invalid_request seed'],
    [{ stream: 'yes' }, 'invalid_request stream'],
    [{ service_tier: 'ultrafast' }, 'invalid_request service_tier'],
    [{ service_tier: 'golden' }, 'invalid_request service_tier'],
    [{ reasoning_effort: 'a--b' }, 'invalid_request reasoning_effort'],
    [{ verbosity: 'loud' }, 'invalid_request verbosity'],
    [{ stream_options: { include_nothing: true } }, 'unsupported_parameter stream_options.include_nothing'],
    [{ stream_options: { include_usage: 1 } }, 'invalid_request stream_options.include_usage'],
    [{ prompt_cache_options: { ttl: '1h' } }, 'invalid_request prompt_cache_options.ttl'],
    [{ metadata: { a: 1 } }, 'invalid_request metadata'],
    [{ moderation: { model: '' } }, 'invalid_request moderation'],
    [{ messages: [] }, 'invalid_request messages'],
    [{ messages: 'hi' }, 'invalid_request messages'],
    [{ 'a b\n': 1 }, 'unsupported_parameter (unnamed)'],
    [{ response_format: { type: 'text' }, text: { format: { type: 'text' } } }, 'invalid_request response_format'],
    [{ response_format: 'json' }, 'invalid_request response_format'],
    [{ response_format: { type: 'json_schema' } }, 'invalid_request response_format.json_schema'],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'a b', schema: {} } } },
      'invalid_request response_format.json_schema.name',
    ],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'a' } } },
      'invalid_request response_format.json_schema.schema',
    ],
  ])('are refused as %j', (fields, refusal) => {
    expect(refusalOf('chat', chat(fields))).toBe(refusal);
  });

  it('ask for usage at the end of a stream, or not', () => {
    const wants = (options: unknown) => readPublic('chat', chat({ stream: true, stream_options: options })).request;
    expect(wants({ include_usage: true })).toMatchObject({ includesUsage: true });
    expect(wants({ include_usage: null })).toMatchObject({ includesUsage: false });
    expect(wants(null)).toMatchObject({ includesUsage: false });
  });

  it('set the largest output aside by the first cap that is named', () => {
    const cap = (fields: JsonRecord) => readPublic('chat', chat(fields)).request.outputCap;
    expect([cap({}), cap({ max_tokens: 7 }), cap({ max_completion_tokens: 5, max_tokens: 7 })]).toEqual([null, 7, 5]);
  });

  it('add a search once', () => {
    const options = { search_context_size: 'low', user_location: null };
    expect(sent('chat', chat({ web_search_options: options }))['tools']).toEqual([
      { type: 'web_search', search_context_size: 'low' },
    ]);
    const place = { type: 'approximate', approximate: { city: 'Berlin', region: null } };
    expect(sent('chat', chat({ web_search_options: { user_location: place } }))['tools']).toEqual([
      { type: 'web_search', user_location: { type: 'approximate', city: 'Berlin' } },
    ]);
    const both = chat({ web_search_options: {}, tools: [{ type: 'web_search_preview' }] });
    expect(sent('chat', both)['tools']).toEqual([{ type: 'web_search' }]);
  });

  it('may require the search that their options add, and nothing that is not there', () => {
    const wants = (tool_choice: unknown) => chat({ web_search_options: {}, tool_choice });
    expect(sent('chat', wants('required'))['tool_choice']).toBe('required');
    expect(sent('chat', wants({ type: 'web_search_preview' }))['tool_choice']).toEqual({ type: 'web_search' });
    expect(refusalOf('chat', wants({ type: 'image_generation' }))).toBe('invalid_request tool_choice');
    expect(refusalOf('chat', chat({ tool_choice: 'required' }))).toBe('invalid_request tool_choice');
  });

  it('may hold a Responses-shaped conversation, which is answered as chat', () => {
    const fields = { input: [{ role: 'user', content: 'hi' }], max_output_tokens: 9, truncation: 'auto', include: [] };
    const body = sent('chat', { model: 'm', ...fields, reasoning: { effort: 'high', summary: 'auto' } });
    expect(body).toMatchObject({
      input: [said('user', input('hi'))],
      reasoning: { effort: 'high', summary: 'auto' },
    });
    expect(sent('chat', { model: 'm', messages: [], input: 'hi' })['input']).toEqual([said('user', input('hi'))]);
    expect(refusalOf('chat', { model: 'm' })).toBe('invalid_request messages');
  });
});

describe('messages of a chat', () => {
  it('keep at least one item when there are only instructions', () => {
    expect(sent('chat', messages({ role: 'developer', content: 'x' }))).toMatchObject({
      instructions: '',
      input: [said('developer', input('x'))],
    });
    expect(sent('chat', messages({ role: 'system', content: 'a' }, { role: 'developer', content: 'b' }))).toMatchObject(
      { instructions: 'a', input: [said('developer', input('b'))] },
    );
  });

  it('become instructions where they lead, and stay in place later', () => {
    const body = sent(
      'chat',
      messages(
        { role: 'system', content: 'one' },
        { role: 'developer', content: [{ type: 'text', text: 'two' }] },
        { role: 'user', content: 'hi' },
        { role: 'system', content: 'three' },
      ),
    );
    expect(body).toMatchObject({
      instructions: 'one\ntwo',
      input: [said('user', input('hi')), said('developer', input('three'))],
    });
  });

  it('keep their instructions in the input in JSON mode, where the provider looks for the word', () => {
    const list = [
      { role: 'system', content: 'answer in json' },
      { role: 'user', content: 'hi' },
    ];
    const body = sent('chat', chat({ messages: list, response_format: { type: 'json_object' } }));
    expect(body).toMatchObject({
      instructions: '',
      input: [said('developer', input('answer in json')), said('user', input('hi'))],
      text: { format: { type: 'json_object' } },
    });
  });

  it('lose names and keys that nobody knows', () => {
    const item = { role: 'user', content: 'hi', name: 'bob', _private: 1, cache_control: {} };
    expect(sent('chat', messages(item))).toEqual(sent('chat', chat()));
    const part = { type: 'text', text: 'x', cache_control: {}, prompt_cache_breakpoint: true };
    expect(textSent('chat', messages({ role: 'user', content: [part] }))).not.toMatch(/cache_control|breakpoint/);
  });

  it('say their text before they call', () => {
    expect(
      afterFirst({ role: 'assistant', content: 'let me see', tool_calls: [call('call_1', 'look', '{"a":1}')] }),
    ).toEqual([
      said('assistant', output('let me see')),
      { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{"a":1}' },
    ]);
    for (const content of [null, '', [], [{ type: 'text', text: '' }]]) {
      const silent = afterFirst({ role: 'assistant', content, tool_calls: [call('call_1', 'look')] });
      expect(silent).toMatchObject([{ type: 'function_call' }]);
      expect(afterFirst({ role: 'assistant', content })).toEqual([]);
    }
    expect(afterFirst({ role: 'assistant', content: 'a', tool_calls: [] })).toHaveLength(1);
  });

  it('keep a refusal as a part behind the text', () => {
    const refusal = { type: 'refusal', refusal: 'no' };
    expect(afterFirst({ role: 'assistant', content: 'sorry', refusal: 'no' })).toEqual([
      said('assistant', output('sorry'), refusal),
    ]);
    expect(afterFirst({ role: 'assistant', content: null, refusal: 'no' })).toEqual([said('assistant', refusal)]);
    expect(afterFirst({ role: 'assistant', content: [refusal] })).toEqual([said('assistant', refusal)]);
  });

  it('forget what was only thought', () => {
    const thought = { role: 'assistant', content: 'x', reasoning_content: 'hmm', reasoning_details: [], thinking: 'h' };
    expect(afterFirst(thought)).toEqual([said('assistant', output('x'))]);
    expect(afterFirst({ role: 'assistant', content: [{ type: 'thinking', thinking: 'hmm' }] })).toEqual([]);
  });

  it('answer calls with text, parts, nothing or an image', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.org/a.png', detail: 'low' } };
    const answered = (content: unknown) =>
      afterFirst(
        { role: 'assistant', content: null, tool_calls: [call('call_1', 'look')] },
        { role: 'tool', tool_call_id: 'call_1', content, id: 'msg_1', name: 'look' },
      )[1];
    const result = { type: 'function_call_output', call_id: 'call_1' };
    expect(answered('ok')).toEqual({ ...result, output: 'ok' });
    expect(answered([{ type: 'text', text: 'ok' }])).toEqual({ ...result, output: 'ok' });
    expect(answered(null)).toEqual({ ...result, output: '' });
    expect(answered([{ type: 'text', text: 'see' }, image])).toEqual({
      ...result,
      output: [input('see'), { type: 'input_image', image_url: 'https://example.org/a.png', detail: 'low' }],
    });
  });

  it('answer custom calls as such', () => {
    const calls = [{ id: 'call_1', type: 'custom', custom: { name: 'run', input: 'ls' } }];
    expect(
      afterFirst({ role: 'assistant', tool_calls: calls }, { role: 'tool', tool_call_id: 'call_1', content: 'a b' }),
    ).toEqual([
      { type: 'custom_tool_call', call_id: 'call_1', name: 'run', input: 'ls' },
      { type: 'custom_tool_call_output', call_id: 'call_1', output: 'a b' },
    ]);
  });

  it('may hold calls and results among their parts', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'tool-call', toolCallId: 'call_1', toolName: 'look', input: { x: 1 } },
      { type: 'tool-result', toolCallId: 'call_1', output: 'seen' },
      'b',
    ];
    expect(afterFirst({ role: 'assistant', content: parts })).toEqual([
      said('assistant', output('a')),
      { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{"x":1}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'seen' },
      said('assistant', output('b')),
    ]);
  });

  it('stay apart though one follows another of the same role', () => {
    expect(afterFirst({ role: 'user', content: 'second' })).toEqual([said('user', input('second'))]);
  });

  it.each<[JsonRecord, string]>([
    [{ role: 'wizard', content: 'x' }, 'invalid_request messages[1].role'],
    [{ role: 'function', content: 'x' }, 'invalid_request messages[1].role'],
    [{ role: 'tool', content: 'x' }, 'invalid_request messages[1].tool_call_id'],
    [{ role: 'assistant', function_call: { name: 'x' } }, 'invalid_request messages[1].function_call'],
    [{ role: 'assistant', tool_calls: [{ function: { name: 'x' } }] }, 'invalid_request messages[1].tool_calls[0]'],
    [{ role: 'user', content: ['a', { type: 'input_video' }] }, 'invalid_request messages[1].content[1].type'],
    [{ role: 'user', content: [{ type: 'text', text: 4 }] }, 'invalid_request messages[1].content[0].text'],
    [{ role: 'user', content: 4 }, 'invalid_request messages[1].content'],
    [
      { role: 'system', content: [{ type: 'image_url', image_url: 'https://a.b/c' }] },
      'invalid_request messages[1].content',
    ],
  ])('are refused as %j', (message, refusal) => {
    expect(refusalOf('chat', messages({ role: 'user', content: 'first' }, message))).toBe(refusal);
  });
});
