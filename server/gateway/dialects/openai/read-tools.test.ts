import { describe, expect, it } from 'vitest';
import { publicRequest, readPublic, refusalOf, sent, textSent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const open = { type: 'object', properties: {} };
const strict = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const named = (name: string, fields: JsonRecord = {}) => ({ type: 'function', name, parameters: open, ...fields });
const nested = (name: string, fields: JsonRecord = {}) => ({
  type: 'function',
  function: { name, parameters: open, ...fields },
});
const toolsOf = (surface: 'chat' | 'responses', ...tools: unknown[]) =>
  sent(surface, publicRequest(surface, { tools }))['tools'] as JsonRecord[];
const refusedTool = (surface: 'chat' | 'responses', ...tools: unknown[]) =>
  refusalOf(surface, publicRequest(surface, { tools }));

describe('a function tool', () => {
  it('is flat for the provider, whichever way it came', () => {
    expect(toolsOf('chat', nested('look'))).toEqual([named('look')]);
    expect(toolsOf('chat', named('look'))).toEqual([named('look')]);
    expect(toolsOf('responses', named('look', { strict: null, description: 'd' }))).toEqual([
      named('look', { description: 'd' }),
    ]);
    expect(toolsOf('chat', { type: 'function', function: { name: 'look' } })).toEqual([named('look')]);
    expect(toolsOf('responses', { type: 'function', name: 'look', parameters: null })).toEqual([named('look')]);
  });

  it('keeps the order of its keys', () => {
    const tool = `{"parameters":{"properties":{"b":{"description":"x","type":"string"},"a":{}},"type":"object"},"description":"d","name":"look","type":"function"}`;
    const body = `{"model":"m","input":"hi","tools":[${tool}]}`;
    expect(textSent('responses', body)).toContain(`"tools":[${tool}]`);
  });

  it('has its schema lowered unless it is strict', () => {
    const parameters = {
      $schema: 'x',
      description: 'kept',
      properties: { a: { const: 1 }, b: true, c: { items: {} }, d: { pattern: 'x', type: 'string' } },
    };
    expect(toolsOf('responses', named('look', { parameters }))[0]!['parameters']).toEqual({
      description: 'kept',
      properties: { a: { enum: [1] }, b: {}, c: { items: {}, type: 'array' }, d: { type: 'string' } },
      type: 'object',
    });
  });

  it('goes on in the very bytes of the client when it is strict', () => {
    const schema = `{ "additionalProperties":false,"type" : "object", "required":["1","b"],"properties":{"b":{"type":"number","minimum":1.0},"1":{"type":"string"}}}`;
    const tool = `{"type":"function", "strict" :true,"name":"look","parameters":${schema}}`;
    expect(textSent('responses', `{"model":"m","input":"hi","tools":[ ${tool} ]}`)).toContain(`"tools":[${tool}]`);
    const inner = `{"name":"look","strict":true,"parameters":${schema}}`;
    const chat = `{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":${inner}}]}`;
    expect(textSent('chat', chat)).toContain(`"parameters":${schema}`);
  });

  it('takes nothing when it names no parameters, strict or not', () => {
    const open = { type: 'object', properties: {} };
    for (const parameters of [undefined, null]) {
      expect(toolsOf('responses', named('look', { parameters }))[0]!['parameters']).toEqual(open);
      const fields = { parameters, strict: true };
      const closed = { strict: true, parameters: { ...open, required: [], additionalProperties: false } };
      expect(toolsOf('responses', named('look', fields))).toMatchObject([closed]);
      expect(toolsOf('chat', nested('look', fields))).toMatchObject([closed]);
    }
  });

  it('has a name that the provider takes, and gets its own back', () => {
    const long = `mcp__server__${'x'.repeat(60)}__tool`;
    const other = `mcp__other__${'y'.repeat(60)}__tool`;
    const request = publicRequest('responses', { tools: [named(long), named(other)] });
    const names = (sent('responses', request)['tools'] as JsonRecord[]).map(({ name }) => String(name));
    expect(names).toEqual(['mcp__tool', 'mcp__tool_1']);
    const { restore } = readPublic('responses', request).request.names;
    expect(names.map(restore)).toEqual([long, other]);
  });

  it.each<[JsonRecord, string]>([
    [{ type: 'object', properties: {}, required: [] }, '.additionalProperties'],
    [{ ...strict, required: [] }, '.required'],
    [{ anyOf: [strict] }, '.anyOf'],
    [{ $ref: '#/$defs/a', $defs: { a: strict } }, '.$ref'],
    [{ ...strict, properties: { city: { type: 'text' } } }, '.properties.city.type'],
    [{ ...strict, properties: { city: { $ref: '#/$defs/none' } } }, '.properties.city.$ref'],
    [{ ...strict, properties: { city: {} } }, '.properties.city'],
  ])('is refused when it is strict and its schema is %j', (parameters, path) => {
    const fields = { strict: true, parameters };
    const code = 'invalid_function_parameters';
    expect(refusedTool('responses', named('a'), named('b', fields))).toBe(`${code} tools[1].parameters${path}`);
    expect(refusedTool('chat', nested('b', fields))).toBe(`${code} tools[0].function.parameters${path}`);
    const space = { type: 'namespace', name: 'n', tools: [named('b', fields)] };
    expect(refusedTool('responses', space)).toBe(`${code} tools[0].tools[0].parameters${path}`);
  });

  it('may refer to itself when it is strict', () => {
    const node = {
      type: 'object',
      properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
      required: ['next'],
      additionalProperties: false,
    };
    const parameters = { ...node, $defs: { node } };
    expect(toolsOf('responses', named('walk', { strict: true, parameters }))).toHaveLength(1);
  });
});

describe('another tool', () => {
  it.each<[JsonRecord, JsonRecord]>([
    [{ type: 'web_search_preview' }, { type: 'web_search' }],
    [
      { type: 'web_search', filters: { allowed_domains: ['a.org'] }, search_context_size: 'low', other: 1 },
      { type: 'web_search', filters: { allowed_domains: ['a.org'] }, search_context_size: 'low' },
    ],
    [{ type: 'image_generation' }, { type: 'image_generation' }],
    [
      { type: 'custom', name: 'run', format: { type: 'text' } },
      { type: 'custom', name: 'run', format: { type: 'text' } },
    ],
    [
      {
        type: 'custom',
        custom: { name: 'run', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
      },
      { type: 'custom', name: 'run', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
    ],
    [
      { type: 'namespace', name: 'n', tools: [named('look')] },
      { type: 'namespace', name: 'n', tools: [named('look')] },
    ],
  ])('%j goes on as %j', (tool, expected) => {
    expect(toolsOf('chat', tool)).toEqual([expected]);
    expect(toolsOf('responses', tool)).toEqual([expected]);
  });

  it.each<[unknown, string]>([
    [{ type: 'mcp' }, 'invalid_request tools'],
    [{ type: 'file_search' }, 'invalid_request tools[0].type'],
    [{ type: 'code_interpreter' }, 'invalid_request tools[0].type'],
    [{ type: 'computer_use_preview' }, 'invalid_request tools[0].type'],
    ['look', 'invalid_request tools[0]'],
    [named(''), 'invalid_request tools[0].name'],
    [named('a b'), 'invalid_request tools[0].name'],
    [named('a.b'), 'invalid_request tools[0].name'],
    [
      { type: 'web_search', filters: { allowed_domains: ['https://a.org'] } },
      'invalid_request tools[0].filters.allowed_domains',
    ],
    [{ type: 'web_search', filters: { blocked_domains: [] } }, 'invalid_request tools[0].filters.blocked_domains'],
  ])('%j is refused', (tool, refusal) => {
    expect(refusedTool('responses', tool)).toBe(refusal);
  });

  it('is the Responses surface’s alone when it runs something there', () => {
    expect(toolsOf('responses', { type: 'local_shell' })).toEqual([{ type: 'local_shell' }]);
    expect(refusedTool('chat', { type: 'local_shell' })).toBe('invalid_request tools[0].type');
  });

  it('may not have the name of a tool before it', () => {
    expect(refusedTool('chat', nested('a'), nested('a'))).toBe('invalid_request tools');
    const space = { type: 'namespace', name: 'n', tools: [named('a')] };
    expect(refusedTool('responses', named('a'), space)).toBe('invalid_request tools');
    expect(refusedTool('responses', named('a'), { type: 'custom', name: 'a' })).toBe('invalid_request tools');
  });
});
