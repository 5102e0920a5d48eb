/** The messages of a chat as items of the provider. */
import { describe, expect, it } from 'vitest';
import { publicRequest, refusalOf, sent, textSent } from '../../../../test/support/public-request.ts';
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
