import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concreteTier, readModelAbilities, unknownAbilities } from './model-abilities.ts';

const read = (entry: unknown) => readModelAbilities(Buffer.from(JSON.stringify(entry)));

describe('what a list says of a model', () => {
  it('is nothing where it says nothing', () => {
    expect(read({ slug: 'gpt-5.5' })).toEqual(unknownAbilities);
  });

  it('names the tiers of both fields, by one word each', () => {
    const { tiers } = read({ service_tiers: [{ id: 'priority' }, { id: 'Flex ' }], additional_speed_tiers: ['fast'] });
    expect([...tiers].toSorted()).toEqual(['flex', 'priority']);
  });

  it.each([
    ['responses', { capabilities: { responses: false } }],
    ['streaming', { capabilities: { streaming: false } }],
    ['streaming', { supports_streaming: false }],
    ['images', { capabilities: { image_input: false } }],
    ['images', { input_modalities: ['text'] }],
    ['tools', { supports_tools: false }],
    ['reasoning', { supports_reasoning: false }],
    ['reasoning', { supported_reasoning_levels: [] }],
  ])('is a lack of %s only where it says no (%j)', (lack, entry) => {
    expect([...read(entry).lacks]).toEqual([lack]);
  });

  it('is no lack where the ability is named', () => {
    const entry = {
      input_modalities: ['text', 'image'],
      supports_tools: true,
      supported_reasoning_levels: [{ effort: 'low' }],
      supports_compact_responses: true,
    };
    expect(read(entry)).toEqual({ ...unknownAbilities, compacts: true });
  });

  it('is never a reason to fail, whatever stands in the entry', () => {
    const names = ['capabilities', 'service_tiers', 'additional_speed_tiers', 'input_modalities', 'supports_tools'];
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), (value, entry) => {
        for (const each of [value, entry]) expect(() => read(each)).not.toThrow();
      }),
    );
  });

  it('keeps what is said when a neighbouring field is strange', () => {
    const { tiers, lacks } = read({ service_tiers: [null, 7, { id: 'flex' }], supports_tools: false, capabilities: 3 });
    expect([...tiers, ...lacks]).toEqual(['flex', 'tools']);
  });
});

describe('a tier that somebody needs', () => {
  it.each([
    [null, null],
    ['', null],
    [' Auto', null],
    ['default', null],
    ['standard', null],
    ['fast', 'priority'],
    ['PRIORITY', 'priority'],
    ['flex', 'flex'],
  ])('%j is %j', (asked, needed) => {
    expect(concreteTier(asked)).toBe(needed);
  });
});
