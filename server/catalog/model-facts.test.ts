import { describe, expect, it } from 'vitest';
import { effortsOf, entryOf } from './model-facts.ts';

const entry = (text: string) => ({ slug: 'm', bytes: Buffer.from(text) });

describe('the efforts of a model', () => {
  it.each([
    ['{}', null, null],
    ['{"supported_reasoning_levels":null,"default_reasoning_level":null}', null, null],
    ['{"supported_reasoning_levels":[]}', [], null],
    [
      '{"supported_reasoning_levels":[{"description":"d","effort":"low"}],"default_reasoning_level":"low"}',
      ['low'],
      'low',
    ],
    ['{"supported_reasoning_levels":["low", "high"]}', ['low', 'high'], null],
    [
      '{"supported_reasoning_levels":[{"effort":7},{},null,{"effort":"low"}],"default_reasoning_level":7}',
      ['low'],
      null,
    ],
    [String.raw`{"supported_reasoning_levels":[{"\q":1}],"default_reasoning_level":"low"}`, null, null],
  ])('in %s are %j, usually %j', (text, efforts, defaultEffort) => {
    expect(effortsOf(entry(text))).toEqual({ efforts, defaultEffort });
  });

  it('are read once', () => {
    const once = entry('{"supported_reasoning_levels":["low"]}');
    expect(effortsOf(once)).toBe(effortsOf(once));
  });
});

describe('the entry of a model', () => {
  it('is found whatever the case and the blanks around its name', () => {
    const entries = [entry('{}'), { slug: 'GPT-5.5', bytes: Buffer.from('{}') }];
    expect(entryOf(entries, ' gpt-5.5')).toBe(entries[1]);
    expect(entryOf(entries, 'gpt-5')).toBeUndefined();
  });
});
