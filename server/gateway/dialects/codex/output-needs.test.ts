import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../lib/json-spans.ts';
import { hasOpaqueContext, outputCapOf } from './output-needs.ts';

const body = (value: unknown) => Buffer.from(JSON.stringify(value));
const cap = (value: unknown) => outputCapOf(body(value), scanObject(body(value)));
const isOpaque = (value: unknown) => hasOpaqueContext(body(value), scanObject(body(value)));

describe('the cap of a client', () => {
  it('is the number it gives', () => {
    expect(cap({ max_output_tokens: 300 })).toBe(300);
  });

  it.each([{}, { max_output_tokens: null }, { max_output_tokens: -1 }, { max_output_tokens: '300' }])(
    'is none in %j',
    (ask) => {
      expect(cap(ask)).toBeNull();
    },
  );
});

describe('context of unknown size', () => {
  it.each([
    { previous_response_id: 'resp_1' },
    { conversation: { id: 'conv_1' } },
    { input: [{ type: 'function_call_output', call_id: 'c', output: 'done' }] },
    { input: [{ type: 'message', content: [{ type: 'input_image', image_url: 'data:' }] }] },
    { input: [{ type: 'message', content: [{ type: 'input_file', file_id: 'file_1' }] }] },
  ])('is in %j', (ask) => {
    expect(isOpaque(ask)).toBe(true);
  });

  it.each([
    { previous_response_id: null, input: 'hello' },
    { input: [{ type: 'message', content: [{ type: 'input_text', text: 'what is a "function_call_output"?' }] }] },
    { instructions: 'function_call_output', tools: [{ type: 'function', name: 'function_call_output' }] },
  ])('is not in %j', (ask) => {
    expect(isOpaque(ask)).toBe(false);
  });
});
