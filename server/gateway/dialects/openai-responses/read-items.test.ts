/** The input of a Responses request, item by item, as the provider takes it. */
import { describe, expect, it } from 'vitest';
import { publicRequest, refusalOf, sent, textSent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const ask = (fields: JsonRecord = {}) => publicRequest('responses', fields);
const bodyOf = (fields: JsonRecord) => sent('responses', ask(fields));
const items = (...list: unknown[]) => bodyOf({ input: ['first', ...list] })['input'] as JsonRecord[];
const item = (each: unknown) => items(each).slice(1);

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
    [
      'a compaction by its former name',
      { type: 'compaction_summary', encrypted_content: 'gAAA' },
      [{ type: 'compaction_summary', encrypted_content: 'gAAA' }],
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
