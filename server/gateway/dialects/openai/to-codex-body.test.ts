import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textSent } from '../../../../test/support/public-request.ts';
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
