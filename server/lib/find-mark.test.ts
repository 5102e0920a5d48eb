import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMark } from './find-mark.ts';

describe('looking for a mark', () => {
  it('finds what a plain search finds, from wherever it begins', () => {
    const text = fc.array(fc.constantFrom('a', '_', 'b', '_b"', '"a_b"', 'é'), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.nat({ max: 40 }), (pieces, from) => {
        const bytes = Buffer.from(pieces.join(''));
        const start = Math.min(from, bytes.length);
        for (const [mark, piece] of [
          ['"a_b"', '_b"'],
          ['"a_b"', '"a_b"'],
          ['a_b', 'a'],
        ] as const)
          expect(createMark(mark, piece)(bytes, start)).toBe(bytes.indexOf(mark, start));
      }),
    );
  });

  it('takes no piece that the mark does not hold', () => {
    expect(() => createMark('mark', 'x')).toThrow(TypeError);
  });
});
