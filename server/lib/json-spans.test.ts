import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonSyntaxError, maxDepth, maxMembers, readSpan, scanArray, scanObject, spliceSpans } from './json-spans.ts';

const spacing = fc.constantFrom(undefined, 1, '\t', '\n  ');

describe('scanObject', () => {
  it('finds every member of any object where JSON.parse would see it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), spacing, (object, space) => {
        const bytes = Buffer.from(JSON.stringify(object, null, space));
        const members = scanObject(bytes);
        expect(members.map(({ key }) => key)).toEqual(Object.keys(JSON.parse(bytes.toString()) as object));
        const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>;
        for (const member of members) expect(readSpan(bytes, member)).toEqual(parsed[member.key]);
      }),
    );
  });

  it('accepts and refuses mutated text as JSON.parse does, when strings stay plain', () => {
    const plain = fc.dictionary(
      fc.constantFrom('a', 'b', 'model'),
      fc.jsonValue({ stringUnit: fc.constantFrom('x', 'y') }),
    );
    fc.assert(
      fc.property(
        plain,
        fc.nat(),
        fc.constantFrom('', ',', '}', ']', '{', ':', '"', '1', 't', ' ', '-'),
        (object, at, insert) => {
          const text = JSON.stringify(object);
          const cut = at % (text.length + 1);
          const mutated = text.slice(0, cut) + insert + text.slice(insert === '' ? cut + 1 : cut);
          expect(accepts(mutated)).toBe(isJsonObject(mutated));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('reads keys by what they mean, so an escaped spelling cannot hide a field', () => {
    expect(scanObject(Buffer.from('{"mod\\u0065l":1}'))[0]?.key).toBe('model');
  });

  it('reports duplicates instead of choosing one', () => {
    expect(scanObject(Buffer.from('{"a":1,"a":2}')).map(({ key }) => key)).toEqual(['a', 'a']);
  });

  it('walks nesting up to its limit and refuses one level more, without recursion', () => {
    const nested = (depth: number) => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(scanObject(nested(maxDepth))).toHaveLength(1);
    expect(() => scanObject(nested(maxDepth + 1))).toThrow(JsonSyntaxError);
    expect(() => scanObject(nested(100_000))).toThrow(JsonSyntaxError);
  });

  it('refuses more members than any reader could look through, where they become too many', () => {
    const members = (count: number) =>
      Buffer.from(`{${Array.from({ length: count }, (_, index) => `"${index}":0`).join()}}`);
    expect(scanObject(members(maxMembers))).toHaveLength(maxMembers);
    const many = members(maxMembers + 1);
    expect(() => scanObject(many)).toThrow(new JsonSyntaxError(many.indexOf(`"${maxMembers}"`)));
  });

  it('refuses text after the object, arrays, scalars and nothing at all', () => {
    for (const text of ['{} x', '[]', '1', '', '   ', '{"a":1', '{"a"', '{"a":', '{"a":1,}']) {
      expect(() => scanObject(Buffer.from(text)), text).toThrow(JsonSyntaxError);
    }
  });
});

describe('scanArray', () => {
  it('finds every element of any array', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), spacing, (array, space) => {
        const bytes = Buffer.from(JSON.stringify(array, null, space));
        const parsed = JSON.parse(bytes.toString()) as unknown[];
        expect(scanArray(bytes).map((span) => readSpan(bytes, span))).toEqual(parsed);
      }),
    );
  });
});

describe('spliceSpans', () => {
  it('changes the named value and leaves every other byte alone', () => {
    const bytes = Buffer.from('{ "b" : [1, 2.0],\n "model":"old" , "z":"\\u00e9"}');
    const model = scanObject(bytes).find(({ key }) => key === 'model');
    if (!model) throw new Error('no model member');
    expect(spliceSpans(bytes, [{ ...model, value: '"new"' }]).toString()).toBe(
      '{ "b" : [1, 2.0],\n "model":"new" , "z":"\\u00e9"}',
    );
  });
});

function accepts(text: string): boolean {
  try {
    scanObject(Buffer.from(text));
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(JsonSyntaxError);
    return false;
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
