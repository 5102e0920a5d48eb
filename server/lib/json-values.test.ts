import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRecord, listOf, parseJson, recordOf, textOf } from './json-values.ts';
import { rowOf } from './row-of.ts';

describe('JSON of an unknown shape', () => {
  it('is read as it was written, as text or as bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseJson(text))).toBe(text);
        expect(JSON.stringify(parseJson(Buffer.from(text)))).toBe(text);
      }),
    );
  });

  it('is nothing where it is none', () => {
    for (const text of ['', '<html>', '{"a":', 'undefined']) expect(parseJson(text)).toBeUndefined();
  });

  it('may be asked for members, text and items whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(recordOf(value)).toEqual(isRecord(value) ? value : {});
        expect(listOf(value)).toEqual(Array.isArray(value) ? value : []);
        expect(textOf(value)).toBe(typeof value === 'string' ? value : '');
      }),
    );
    expect([isRecord([]), isRecord(null), isRecord({})]).toEqual([false, false, true]);
  });
});

describe('a row', () => {
  it('is one of the table alone, never what every object has', () => {
    const table = { known: 1 };
    expect([rowOf(table, 'known'), rowOf(table, 'other')]).toEqual([1, undefined]);
    for (const word of ['constructor', 'toString', '__proto__']) expect(rowOf(table, word)).toBeUndefined();
  });
});
