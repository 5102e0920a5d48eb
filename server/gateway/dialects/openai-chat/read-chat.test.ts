import { describe, expect, it } from 'vitest';
import { publicRequest, readPublic, refusalOf, sent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const chat = (fields: JsonRecord = {}) => publicRequest('chat', fields);
const said = (role: string, ...content: JsonRecord[]) => ({ type: 'message', role, content });
const input = (text: string) => ({ type: 'input_text', text });

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
    [{ service_tier: 'slow', messages: [7], tools: 7 }, 'invalid_request service_tier'],
    [{ messages: [7], tools: 7 }, 'invalid_request messages[0]'],
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
