/** Outputs made up for each kind, and what becomes of them: `<name>.before.txt`, and `<name>.after.txt` unless it stays. */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { shortenText, type CountTokens } from './shorten-text.ts';
import { loadTokenCounter } from './token-counter.ts';

const folder = new URL('golden/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

const shortened: Record<string, OutputKind> = {
  diff: 'diff',
  'json-after-preamble': 'json',
  'json-document': 'json',
  'log-build': 'log',
  'log-failed-tests': 'log',
  'log-service': 'log',
  'search-grouped': 'search',
  'search-inline': 'search',
  'search-many-files': 'search',
  'search-nul': 'search',
};
const kept: Record<string, OutputSkip> = {
  'kept-compiler-errors': 'no_kind',
  'kept-html': 'no_kind',
  'kept-lost-failures': 'doubtful',
  'kept-prose': 'no_kind',
  'kept-readme-with-json': 'no_kind',
  'kept-source': 'no_kind',
};

let countTokens: CountTokens;
beforeAll(async () => {
  countTokens = await loadTokenCounter();
});

describe('an output', () => {
  for (const [name, kind] of Object.entries(shortened)) {
    it(`${name} becomes what its golden file says`, () => {
      const short = shortenText(read(`${name}.before.txt`), countTokens);
      expect(short).toMatchObject({ text: read(`${name}.after.txt`) });
      expect('skip' in short ? [] : short.steps[0]).toBe(kind);
      expect('skip' in short ? 0 : short.tokensBefore - short.tokensAfter).toBeGreaterThan(0);
      expect('skip' in short ? null : shortenText(short.text, countTokens)).toHaveProperty('skip');
    });
  }

  for (const [name, skip] of Object.entries(kept)) {
    it(`${name} stays`, () => expect(shortenText(read(`${name}.before.txt`), countTokens)).toEqual({ skip }));
  }

  it('has its golden file named here', () => {
    const named = [...Object.keys(shortened), ...Object.keys(kept)].map((name) => `${name}.before.txt`);
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.before.txt'))
        .toSorted(),
    ).toEqual(named.toSorted());
  });

  it('that was shortened as JSON means what it meant', () => {
    expect(JSON.parse(read('json-document.after.txt'))).toEqual(JSON.parse(read('json-document.before.txt')));
  });
});
