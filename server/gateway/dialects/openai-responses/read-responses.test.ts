import { describe, expect, it } from 'vitest';
import { publicRequest, readPublic, refusalOf, sent, textSent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const ask = (fields: JsonRecord = {}) => publicRequest('responses', fields);
const bodyOf = (fields: JsonRecord) => sent('responses', ask(fields));
const items = (...list: unknown[]) => bodyOf({ input: ['first', ...list] })['input'] as JsonRecord[];
const item = (each: unknown) => items(each).slice(1);

describe('fields of a Responses request', () => {
  it('are dropped where the provider would refuse them', () => {
    const dropped = {
      max_output_tokens: 9,
      temperature: 1,
      top_p: 1,
      top_logprobs: 0,
      truncation: 'auto',
      metadata: { a: 'b' },
      user: 'u',
      safety_identifier: 's',
      prompt_cache_retention: 'in-memory',
      prompt_cache_options: { mode: 'explicit' },
      stream_options: { include_obfuscation: true },
      background: false,
      store: true,
      service_tier: ' Auto ',
    };
    expect(bodyOf(dropped)).toEqual(bodyOf({}));
    expect(bodyOf({ text: {}, tool_choice: null, conversation: null, reasoning: {} })).toEqual(bodyOf({}));
    expect(bodyOf({ text: { format: null, tone: null }, reasoning: { effort: null, depth: null } })).toEqual(
      bodyOf({}),
    );
  });

  it('go on as they are, or under one name', () => {
    expect(
      bodyOf({
        instructions: 'be brief',
        reasoningEffort: 'HIGH',
        reasoning_summary: 'auto',
        textVerbosity: 'low',
        promptCacheKey: 'thread',
        client_metadata: { a: 'b', 'x-codex-pooler-x': 'c' },
        include: ['reasoning.encrypted_content', 'web_search_call.results'],
      }),
    ).toMatchObject({
      instructions: 'be brief',
      reasoning: { effort: 'high', summary: 'auto' },
      text: { verbosity: 'low' },
      prompt_cache_key: 'thread',
      client_metadata: { a: 'b' },
      include: ['reasoning.encrypted_content', 'web_search_call.results'],
    });
  });

  it.each([
    [{ reasoning: { effort: 'low' }, reasoning_effort: 'high' }, 'low'],
    [{ reasoning: { effort: ' ' }, reasoning_effort: 'high' }, 'high'],
    [{ reasoning_effort: 'low', reasoningEffort: 'high' }, 'low'],
    [{ reasoningEffort: 'low', thinking: true }, 'low'],
    [{ thinking: true }, 'medium'],
    [{ thinking: { type: 'enabled' } }, 'medium'],
    [{ thinking: { enabled: true } }, 'medium'],
    [{ thinking: 'on' }, 'medium'],
    [{ thinking: 'xhigh' }, 'xhigh'],
    [{ thinking: { effort: 'ultra' } }, 'max'],
    [{ thinking: { type: 'disabled' }, enable_thinking: true }, 'medium'],
    [{ enable_thinking: false }, undefined],
    [{ reasoning: { effort: 'none' } }, 'none'],
    [{ reasoning: { effort: 'MAX ' } }, 'max'],
    [{ reasoning: { effort: 'minimal' } }, 'low'],
    [{ reasoning: { effort: 'hyper' } }, 'hyper'],
  ])('name the effort of %j as %s', (fields, effort) => {
    expect((bodyOf(fields)['reasoning'] as JsonRecord | undefined)?.['effort']).toBe(effort);
  });

  it.each([
    [' FAST ', 'priority'],
    ['priority', 'priority'],
    ['flex', 'flex'],
    ['scale', 'scale'],
    ['ultrafast', 'ultrafast'],
    ['auto', undefined],
    ['Default', undefined],
  ])('ask for the tier %s as %s', (given, tier) => {
    expect(bodyOf({ service_tier: given })['service_tier']).toBe(tier);
  });

  it('show encrypted reasoning to those who asked for it, or keep nothing with us', () => {
    const shows = (fields: JsonRecord) => readPublic('responses', ask(fields)).request.showsEncrypted;
    expect([shows({}), shows({ store: true }), shows({ store: false })]).toEqual([false, false, true]);
    expect(shows({ include: ['reasoning.encrypted_content'] })).toBe(true);
  });

  it.each<[JsonRecord, string]>([
    [{ frobnicate: 1, aaa: 1 }, 'unsupported_parameter aaa'],
    [{ top_logprobs: 1, aaa: 1 }, 'unsupported_parameter top_logprobs'],
    [{ model: undefined, temperature: 9 }, 'missing_required_parameter model'],
    [{ input: [] }, 'invalid_request input'],
    [{ input: undefined }, 'invalid_request input'],
    [{ input: 5 }, 'invalid_request input'],
    [{ input: [{ type: 'reasoning', summary: [] }] }, 'invalid_request input'],
    [{ max_output_tokens: 0 }, 'invalid_request max_output_tokens'],
    [{ reasoning_summary: 'loud' }, 'invalid_request reasoning.summary'],
    [{ textVerbosity: 'loud' }, 'invalid_request text.verbosity'],
    [{ max_tool_calls: 3 }, 'unsupported_parameter max_tool_calls'],
    [{ top_p: 1.5 }, 'invalid_request top_p'],
    [{ truncation: 'never' }, 'invalid_request truncation'],
    [{ safety_identifier: 'x'.repeat(65) }, 'invalid_request safety_identifier'],
    [{ prompt_cache_key: 'x'.repeat(513) }, 'invalid_request prompt_cache_key'],
    [{ prompt_cache_options: { other: 1 } }, 'invalid_request prompt_cache_options.other'],
    [{ stream_options: { include_usage: true } }, 'unsupported_parameter stream_options.include_usage'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_not_found previous_response_id'],
    [{ conversation: 'c' }, 'unsupported_parameter conversation'],
    [{ prompt: { id: 'p' } }, 'unsupported_parameter prompt'],
    [{ background: true }, 'unsupported_parameter background'],
    [{ context_management: [] }, 'unsupported_parameter context_management'],
    [{ generate: false }, 'unsupported_parameter generate'],
    [{ include: ['everything'] }, 'invalid_request include'],
    [{ reasoning: { effort: 'low', budget: 3 } }, 'unsupported_parameter reasoning.budget'],
    [{ reasoning: { effort: 3 } }, 'invalid_request reasoning.effort'],
    [{ reasoning: { summary: 'long' } }, 'invalid_request reasoning.summary'],
    [{ reasoning: { context: 'some' } }, 'invalid_request reasoning.context'],
    [{ text: { verbosity: 'loud' } }, 'invalid_request text.verbosity'],
    [{ text: { colour: 1 } }, 'unsupported_parameter text.colour'],
    [{ text: { format: { type: 'xml' } } }, 'invalid_request text.format'],
    [{ text: { format: { type: 'json_schema', name: 'x' } } }, 'invalid_request text.format.schema'],
    [
      { text: { format: { type: 'json_schema', name: 'x', strict: true, schema: { type: 'string' } } } },
      'invalid_json_schema text.format.schema.type',
    ],
    [{ parallel_tool_calls: 'no' }, 'invalid_request parallel_tool_calls'],
  ])('are refused as %j', (fields, refusal) => {
    expect(refusalOf('responses', ask(fields))).toBe(refusal);
  });
});

describe('items of a Responses request', () => {
  const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' };

  it.each<[string, JsonRecord, JsonRecord[]]>([
    ['a message without a type', { role: 'user', content: 'x' }, [text('user', 'x')]],
    ['an assistant that said nothing', { role: 'assistant', content: [{ type: 'output_text', text: '' }] }, []],
    ['a system message', { role: 'system', content: 'x' }, [text('developer', 'x')]],
    [
      'an assistant message of an earlier answer',
      {
        type: 'message',
        role: 'assistant',
        id: 'msg_1',
        status: 'completed',
        phase: 'commentary',
        content: [
          {
            type: 'output_text',
            text: 'x',
            logprobs: [],
            annotations: [{ type: 'url_citation', url: 'u' }, { type: 'file_path' }],
          },
        ],
      },
      [
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'x', annotations: [{ type: 'url_citation', url: 'u' }] }],
          phase: 'commentary',
          id: 'msg_1',
        },
      ],
    ],
    ['an id the provider would refuse', { role: 'user', content: 'x', id: 'abc' }, [text('user', 'x')]],
    ['an id that is no text', { role: 'user', content: 'x', id: 7 }, [text('user', 'x')]],
    ['reasoning that nobody can read', { ...sealed, encrypted_content: null }, []],
    ['sealed reasoning', { ...sealed, status: 'completed' }, [sealed]],
    [
      'a call',
      { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '', status: 'completed' },
      [{ type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '' }],
    ],
    [
      'an output of any JSON',
      { type: 'function_call_output', call_id: 'call_1', output: { a: 1 } },
      [{ type: 'function_call_output', call_id: 'call_1', output: '{"a":1}' }],
    ],
    [
      'an output that is a list of JSON whose members have a type of their own',
      { type: 'function_call_output', call_id: 'call_1', output: [{ type: 'Feature' }, { type: 'text', text: 'x' }] },
      [{ type: 'function_call_output', call_id: 'call_1', output: '[{"type":"Feature"},{"type":"text","text":"x"}]' }],
    ],
    [
      'an output called result',
      { type: 'function_call_output', call_id: 'call_1', result: 'ok' },
      [{ type: 'function_call_output', call_id: 'call_1', output: 'ok' }],
    ],
    [
      'an empty output',
      { type: 'function_call_output', call_id: 'call_1', output: [] },
      [{ type: 'function_call_output', call_id: 'call_1', output: [] }],
    ],
    [
      'a tool message',
      { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
      [{ type: 'function_call_output', call_id: 'call_1', output: 'ok' }],
    ],
    [
      'a compaction',
      { type: 'compaction', id: 'cmp_1', encrypted_content: 'gAAA' },
      [{ type: 'compaction', encrypted_content: 'gAAA', id: 'cmp_1' }],
    ],
    ['a compaction trigger', { type: 'compaction_trigger' }, [{ type: 'compaction_trigger' }]],
    [
      'history of a hosted tool',
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      [{ type: 'web_search_call', status: 'completed', id: 'ws_1' }],
    ],
    [
      'a change of effort within a conversation of Codex',
      { type: 'configuration_update', reasoning: { effort: 'low' } },
      [{ type: 'configuration_update', reasoning: { effort: 'low' } }],
    ],
    [
      'what another agent of Codex said',
      { type: 'agent_message', author: '/root', content: [{ type: 'input_text', text: 'Go on.' }] },
      [{ type: 'agent_message', author: '/root', content: [{ type: 'input_text', text: 'Go on.' }] }],
    ],
    [
      'the tools that a search of Codex found',
      { type: 'tool_search_output', call_id: 'call_1', tools: [] },
      [{ type: 'tool_search_output', call_id: 'call_1', tools: [] }],
    ],
  ])('take %s', (_name, given, expected) => {
    expect(item(given)).toEqual(expected);
  });

  it('find the call of an output that was replayed without it', () => {
    const call = { type: 'function_call', call_id: 'call_9', name: 'f', arguments: '{}' };
    expect(items(call, { type: 'function_call_output', call_id: '', output: 'x' }).at(-1)).toMatchObject({
      call_id: 'call_9',
    });
  });

  it('take images as an address with its detail, and files and audio in their one form', () => {
    const part = (each: JsonRecord) => (item({ role: 'user', content: [each] })[0]!['content'] as unknown[])[0];
    const png = `data:image/png;base64,${Buffer.from('png').toString('base64')}`;
    expect(part({ type: 'input_image', image_url: png, detail: 'original' })).toEqual({
      type: 'input_image',
      image_url: png,
      detail: 'original',
    });
    expect(part({ type: 'image_url', image_url: { url: 'https://a.b/c' } })).toEqual({
      type: 'input_image',
      image_url: 'https://a.b/c',
    });
    expect(part({ type: 'input_image', image_url: 'data:image/png;base64,cG\nn\r\nc' })).toMatchObject({
      type: 'input_image',
    });
    expect(part({ type: 'input_file', filename: 'a.pdf', file_data: 'JVBERi0x' })).toEqual({
      type: 'input_file',
      filename: 'a.pdf',
      file_data: 'data:application/pdf;base64,JVBERi0x',
    });
    expect(part({ type: 'input_audio', input_audio: { data: 'UklG\nRg==', format: 'mp3' } })).toEqual({
      type: 'input_audio',
      audio_url: 'data:audio/mpeg;base64,UklGRg==',
    });
  });

  it.each([
    ['wav', 'audio/wav'],
    ['mp3', 'audio/mpeg'],
    ['m4a', 'audio/mp4'],
    ['webm', 'audio/webm'],
    ['ogg', 'audio/ogg'],
  ])('take audio in %s', (format, type) => {
    const [part] = item(audio(format, 'UklGRg=='))[0]!['content'] as JsonRecord[];
    expect(part).toEqual({ type: 'input_audio', audio_url: `data:${type};base64,UklGRg==` });
  });

  it('lose marks of a prompt cache that the provider refuses, at any depth of content', () => {
    const part = { type: 'input_text', text: 'x', prompt_cache_breakpoint: true };
    const output = { type: 'function_call_output', call_id: 'call_1', output: [part, part] };
    const body = textSent('responses', ask({ input: [{ role: 'user', content: [part] }, output] }));
    expect(body).not.toContain('breakpoint');
  });

  const imageRefusal = 'unsupported_input_image_format input';
  it.each<[unknown, string]>([
    [{ role: 'wizard', content: 'x' }, 'invalid_request input[1].role'],
    [{ type: 'computer_call' }, 'invalid_request input'],
    [{ type: 'mcp_call' }, 'invalid_request input'],
    [{ type: 'wish' }, 'invalid_request input[1].type'],
    [{}, 'invalid_request input[1].type'],
    [7, 'invalid_request input[1]'],
    [{ type: 'item_reference', id: 'rs_1' }, 'invalid_request input[1]'],
    [{ type: 'compaction' }, 'invalid_request input[1].encrypted_content'],
    [{ type: 'compaction_trigger', now: true }, 'invalid_request input'],
    [{ type: 'function_call', name: 'x' }, 'invalid_request input[1]'],
    [{ type: 'function_call_output', output: 'x' }, 'invalid_request input[1].call_id'],
    [{ type: 'additional_tools', tools: [{ type: 'mcp' }] }, 'invalid_request input[1].tools'],
    [image('http://a.b/c'), imageRefusal],
    [image('sediment://file'), imageRefusal],
    [image('data:image/svg+xml;base64,AAAA'), imageRefusal],
    [image('data:image/png;base64,AAA'), imageRefusal],
    [image(''), imageRefusal],
    [{ role: 'user', content: [{ type: 'input_image', file_id: ' ' }] }, imageRefusal],
    [{ role: 'developer', content: [{ type: 'input_image', file_id: 'file-1' }] }, 'invalid_request input[1].content'],
    [file({ file_data: 'AAAA' }), 'unsupported_input_file_format input'],
    [file({ file_url: 'http://a.b' }), 'unsupported_input_file_format input'],
    [audio('flac', 'AAAA'), 'invalid_request input'],
    [audio('wav', 'AAA'), 'invalid_request input'],
    [audio('wav', ''), 'invalid_request input'],
  ])('are refused as %j', (each, refusal) => {
    expect(refusalOf('responses', ask({ input: ['first', each] }))).toBe(refusal);
  });

  it('want their compaction trigger last, behind something', () => {
    expect(refusalOf('responses', ask({ input: [{ type: 'compaction_trigger' }] }))).toBe('invalid_request input');
    expect(refusalOf('responses', ask({ input: [{ type: 'compaction_trigger' }, 'x'] }))).toBe('invalid_request input');
  });

  it('refuse audio of more than 50 MiB before it is looked at', () => {
    const data = '*'.repeat(69_905_069);
    expect(refusalOf('responses', ask({ input: ['x', audio('wav', data)] }))).toBe('invalid_request input');
  });
});

function text(role: string, said: string): JsonRecord {
  return { type: 'message', role, content: [{ type: 'input_text', text: said }] };
}

function image(url: string): JsonRecord {
  return { role: 'user', content: [{ type: 'input_image', image_url: url }] };
}

function file(fields: JsonRecord): JsonRecord {
  return { role: 'user', content: [{ type: 'input_file', filename: 'a', ...fields }] };
}

function audio(format: string, data: string): JsonRecord {
  return { role: 'user', content: [{ type: 'input_audio', input_audio: { format, data } }] };
}
