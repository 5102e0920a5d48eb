import fc from 'fast-check';
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

describe('a body for the provider', () => {
  const never =
    /"(?:max_output_tokens|max_tokens|max_completion_tokens|temperature|top_p|presence_penalty|frequency_penalty|seed|stop|logprobs|top_logprobs|logit_bias|n|user|safety_identifier|metadata|truncation|prompt_cache_retention|prompt_cache_options|context_management|background|prompt_cache_breakpoint)":/;

  it('parses, and never holds what the provider refuses, whatever is accepted', () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const request = fc.record({
      model: fc.constant('gpt-5.5'),
      temperature: optional(fc.integer({ min: 0, max: 2 })),
      top_p: optional(fc.constant(1)),
      metadata: optional(fc.constant({ a: 'b' })),
      user: optional(fc.string()),
      safety_identifier: optional(fc.string({ maxLength: 64 })),
      stream: optional(fc.boolean()),
      store: optional(fc.boolean()),
      prompt_cache_retention: optional(fc.constant('24h')),
      tools: optional(fc.constantFrom([], [named('look')], [named('look', { strict: true, parameters: strict })])),
    });
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(request, text, optional(fc.integer({ min: 1 })), (fields, words, cap) => {
        const content = [{ type: 'text', text: words, prompt_cache_breakpoint: {} }];
        const chat = {
          ...fields,
          messages: [{ role: 'user', content, name: 'n' }],
          max_tokens: cap,
          seed: cap,
        };
        const responses = { ...fields, input: [{ role: 'user', content }], truncation: 'auto', background: false };
        for (const body of [textSent('chat', chat), textSent('responses', responses)]) {
          const read = JSON.parse(body) as { input: [{ content: [{ text: string }] }]; stream: true; store: false };
          expect(read.input[0].content[0].text).toBe(words);
          expect([read.stream, read.store]).toEqual([true, false]);
          expect(body.replaceAll(JSON.stringify(words), '')).not.toMatch(never);
        }
      }),
    );
  });

  it('comes of any JSON object, or a refusal that names what is wrong: nothing else is thrown', () => {
    const known = fc.constantFrom('model', 'input', 'messages', 'tools', 'tool_choice', 'reasoning', 'text', 'include');
    const value = fc.oneof(
      fc.jsonValue(),
      fc.array(fc.record({ type: fc.constantFrom('message', 'function', 'namespace', 'text'), role: fc.jsonValue() })),
      fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: fc.jsonValue() })),
    );
    const request = fc.dictionary(known, value).map((fields) => ({ model: 'gpt-5.5', ...fields }) as JsonRecord);
    fc.assert(
      fc.property(request, fc.constantFrom('chat' as const, 'responses' as const), (fields, surface) => {
        try {
          JSON.parse(textSent(surface, fields));
        } catch (error) {
          expect(error).toMatchObject({ name: 'GatewayError', row: { type: 'invalid_request_error' } });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('begins with the same bytes when a conversation goes on', () => {
    const turn = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.string({ minLength: 1 }) });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1 }), fc.array(turn), (before, after) => {
        const body = (messages: unknown[]) => textSent('chat', { model: 'm', tools: [nested('look')], messages });
        const first = [{ role: 'user', content: 'first' }, ...before];
        const whole = body(first);
        const prefix = whole.slice(0, whole.indexOf('],"tools"'));
        expect(body([...first, ...after]).startsWith(prefix)).toBe(true);
      }),
    );
  });
});
