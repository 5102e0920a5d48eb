import { expect, it } from 'vitest';
import { readPublic, publicRequest } from '../../../../test/support/public-request.ts';
import { createGrowingItems } from './earlier-items.ts';

it('know the last of them, and which ids called a custom tool', () => {
  const earlier = createGrowingItems();
  expect(earlier.last).toBeUndefined();
  earlier.add([
    { type: 'custom_tool_call', call_id: 'call_1' },
    { type: 'function_call', call_id: 'call_2' },
  ]);
  expect(earlier.last).toEqual({ type: 'function_call', call_id: 'call_2' });
  expect(['call_1', 'call_2', 'call_3'].map(earlier.isCustomCall)).toEqual([true, false, false]);
});

it('are not looked through for each output of a long conversation', () => {
  // Looking through all of them for each would take minutes here, and hold up everybody else.
  const pairs = Array.from({ length: 100_000 }, (_, index) => [
    { type: 'function_call', call_id: `call_${index}`, name: 'f', arguments: '{}' },
    { type: 'function_call_output', call_id: `call_${index}`, output: 'x' },
  ]).flat();
  expect(() => readPublic('responses', publicRequest('responses', { input: pairs }))).not.toThrow();
});
