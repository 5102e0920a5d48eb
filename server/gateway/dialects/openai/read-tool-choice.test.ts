import { describe, expect, it } from 'vitest';
import { publicRequest, refusalOf, sent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const open = { type: 'object', properties: {} };
const named = (name: string, fields: JsonRecord = {}) => ({ type: 'function', name, parameters: open, ...fields });
const nested = (name: string, fields: JsonRecord = {}) => ({
  type: 'function',
  function: { name, parameters: open, ...fields },
});

describe('a tool choice', () => {
  const tools = [named('look'), { type: 'web_search_preview' }, { type: 'custom', name: 'run' }];
  const choice = (tool_choice: unknown, surface: 'chat' | 'responses' = 'responses') =>
    sent(surface, publicRequest(surface, { tools, tool_choice }))['tool_choice'];

  it.each<[unknown, unknown]>([
    ['auto', 'auto'],
    ['none', 'none'],
    ['required', 'required'],
    [
      { type: 'function', name: 'look' },
      { type: 'function', name: 'look' },
    ],
    [
      { type: 'custom', name: 'run' },
      { type: 'custom', name: 'run' },
    ],
    [{ type: 'web_search_preview' }, { type: 'web_search' }],
    [
      {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [{ type: 'function', name: 'look' }, { type: 'web_search_preview' }],
      },
      { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }, { type: 'web_search' }] },
    ],
  ])('%j goes on as %j', (given, expected) => {
    expect(choice(given)).toEqual(expected);
  });

  it('is flattened from chat', () => {
    expect(choice({ type: 'function', function: { name: 'look' } }, 'chat')).toEqual({
      type: 'function',
      name: 'look',
    });
  });

  it.each<[JsonRecord]>([
    [{ tools, tool_choice: 'any' }],
    [{ tools, tool_choice: { type: 'function', name: 'none' } }],
    [{ tools, tool_choice: { type: 'function', name: 'look', extra: 1 } }],
    [{ tools, tool_choice: { type: 'file_search' } }],
    [{ tools, tool_choice: { type: 'image_generation' } }],
    [{ tool_choice: 'required' }],
    [{ tool_choice: { type: 'function', name: 'look' } }],
  ])('%j is refused', (fields) => {
    expect(refusalOf('responses', publicRequest('responses', fields))).toBe('invalid_request tool_choice');
  });

  it('may allow only tools that stand at the top', () => {
    const space = { type: 'namespace', name: 'n', tools: [named('inner')] };
    const tool_choice = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'inner' }] };
    expect(refusalOf('responses', publicRequest('responses', { tools: [space], tool_choice }))).toBe(
      'invalid_request tool_choice',
    );
    const asChat = {
      tools: [nested('look')],
      tool_choice: { ...tool_choice, tools: [{ type: 'function', name: 'look' }] },
    };
    expect(refusalOf('chat', publicRequest('chat', asChat))).toBe('invalid_request tool_choice');
  });
});
