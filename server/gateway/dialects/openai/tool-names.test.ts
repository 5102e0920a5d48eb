import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createToolNames, longestToolName } from './tool-names.ts';

const names = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '_'), minLength: 1, maxLength: 70 }), {
  maxLength: 12,
});

describe('tool names', () => {
  it('are short enough, one for each, and come back, declared or only called', () => {
    fc.assert(
      fc.property(names, names, (declared, called) => {
        const { shorten, restore } = createToolNames(declared);
        const all = [...new Set([...declared, ...called])];
        const short = all.map(shorten);
        expect(short.every((name) => name.length <= longestToolName)).toBe(true);
        // A name that only a former call has may be spelled as another's short form: it is short already.
        const ofDeclared = [...new Set(declared)];
        expect(new Set(ofDeclared.map(shorten)).size).toBe(ofDeclared.length);
        for (const name of ofDeclared) expect(restore(shorten(name))).toBe(name);
        for (const name of all.filter((each) => each.length > longestToolName))
          expect(restore(shorten(name))).toBe(name);
      }),
    );
  });

  it('keep what tells most of a long one', () => {
    const { shorten } = createToolNames([]);
    expect(shorten(`mcp__${'server'.repeat(12)}__look_up`)).toBe('mcp__look_up');
  });
});
