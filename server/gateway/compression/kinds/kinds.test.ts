import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reportedFailures } from '../reported-failures.ts';
import { shortenDiff } from './diff.ts';
import { keepHtml } from './html.ts';
import { shortenJson } from './json.ts';
import type { Shortening } from './kind.ts';
import { shortenLog } from './log.ts';
import { shortenSearch } from './search.ts';

const textOf = (shortening: Shortening | null) => (shortening && 'text' in shortening ? shortening.text : null);

describe('JSON', () => {
  it('means the same without its spaces, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        const text = textOf(shortenJson(JSON.stringify(value, null, 3)));
        expect(text).toBe(JSON.stringify(value));
      }),
    );
  });

  it('keeps numbers no double can hold, odd escapes and keys given twice', () => {
    const text = '{ "n" : [ 12345678901234567890 , 1e400 , -0.0 ],\n "a" : "\\u00fc \\/" , "a" : 1 }';
    expect(textOf(shortenJson(text))).toBe('{"n":[12345678901234567890,1e400,-0.0],"a":"\\u00fc \\/","a":1}');
  });

  it('is shortened in at most fifty places of one text', () => {
    const text = '{ "a": 1 }\n'.repeat(60);
    expect(textOf(shortenJson(text))).toBe('{"a":1}\n'.repeat(50) + '{ "a": 1 }\n'.repeat(10));
  });

  it('that is none, or little beside other text, is not taken for it', () => {
    for (const text of ['{ "a": 1,\n', '{ a: 1 }', '[INFO] x', '{ "a": 1 } and more', `${'word '.repeat(9)}\n[ 1 ]\n`])
      expect(shortenJson(text), text).toBeNull();
  });

  it('that opens a hundred thousand times and never closes is given up soon', () => {
    expect(shortenJson('[\n'.repeat(100_000))).toBeNull();
    expect(shortenJson('{"\n'.repeat(100_000))).toBeNull();
  });
});

describe('a diff', () => {
  const line = fc.record({
    sign: fc.constantFrom(' ', ' ', ' ', ' ', '+', '-'),
    text: fc.constantFrom('', 'a', '-- b', '++ c', '@@ -1 +1 @@', '{', ' x'),
  });

  it('of any changes still leads from the old text to the new one', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 40 }), fc.nat(50), (lines, before) => {
        const old = lines.filter(({ sign }) => sign !== '+').map(({ text }) => text);
        const wanted = lines.filter(({ sign }) => sign !== '-').map(({ text }) => text);
        fc.pre(old.length > 0 && wanted.length > 0);
        const head = `@@ -${before + 1},${old.length} +${before + 1},${wanted.length} @@ here`;
        const diff = ['--- a/x', '+++ b/x', head, ...lines.map(({ sign, text }) => `${sign}${text}`)].join('\n');
        const untouched = Array.from({ length: before }, (_, index) => `line ${index}`);
        const short = textOf(shortenDiff(diff));
        fc.pre(short !== null);
        expect(patched([...untouched, ...old], short!)).toEqual([...untouched, ...wanted]);
        expect(short!.split('\n').length).toBeLessThanOrEqual(diff.split('\n').length + lines.length);
        expect(textOf(shortenDiff(short!))).toBe(short);
      }),
    );
  });

  const hunk = (at: number) => `@@ -${at},1 +${at},1 @@\n-a\n+b`;
  const file = (name: string, hunks: number) =>
    `--- a/${name}\n+++ b/${name}\n${Array.from({ length: hunks }, (_, index) => hunk(index * 20 + 1)).join('\n')}`;

  it('of more files or hunks than can be looked through stays', () => {
    const files = (count: number, hunks: number) =>
      Array.from({ length: count }, (_, index) => file(`f${index}`, hunks)).join('\n');
    expect(shortenDiff(files(16, 2))).toHaveProperty('text');
    expect(shortenDiff(files(17, 1))).toEqual({ skip: 'over_limits' });
    expect(shortenDiff(files(4, 8))).toHaveProperty('text');
    expect(shortenDiff(files(1, 9))).toEqual({ skip: 'over_limits' });
    expect(shortenDiff(files(11, 3))).toEqual({ skip: 'over_limits' });
  });

  it('whose hunk is not as long as it says stays', () => {
    expect(shortenDiff('--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n a')).toEqual({ skip: 'doubtful' });
  });

  it('needs the header of a hunk to be one', () => {
    expect(shortenDiff('--- a/x\n+++ b/x\nno hunk')).toBeNull();
  });
});

/** The lines after a diff of one file; throws when a line it names is not there. */
function patched(lines: readonly string[], diff: string): string[] {
  const result: string[] = [];
  let position = 0;
  let left = 0;
  for (const line of diff.split('\n').slice(2)) {
    const header = left === 0 ? /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line) : null;
    if (header) {
      const from = Number(header[1]) - 1;
      result.push(...lines.slice(position, from));
      position = from;
      left = Number(header[2] ?? 1) + Number(header[3] ?? 1);
      continue;
    }
    left -= line.startsWith(' ') ? 2 : 1;
    if (!line.startsWith('+')) expect(line.slice(1)).toBe(lines[position++]);
    if (!line.startsWith('-')) result.push(line.slice(1));
  }
  return [...result, ...lines.slice(position)];
}

describe('search results', () => {
  const matches = (count: number, name = (index: number) => `src/a${index % 2}.ts`) =>
    Array.from({ length: count }, (_, index) => `${name(index)}:${index}: some text that was looked for`);

  it('are at least eight matches', () => {
    expect(shortenSearch(matches(7).join('\n'))).toBeNull();
    expect(shortenSearch(matches(8).join('\n'))).toHaveProperty('text');
  });

  it('are cut to three of a file and sixty in all', () => {
    const kept = (lines: readonly string[]) => textOf(shortenSearch(lines.join('\n')))!.match(/looked for/g)!.length;
    expect(kept(matches(12))).toBe(6);
    expect(kept(matches(100, (index) => `src/a${index % 25}.ts`))).toBe(60);
  });

  it('are told from complaints of compilers and checkers, and from runs that failed', () => {
    for (const text of [' error: no', '7: no', ' E501 line too long', ' AssertionError: no', ' warning: old'])
      expect(shortenSearch([...matches(12), `src/b.ts:3:${text}`].join('\n')), text).toBeNull();
    const failed = ['Process exited with code 2', ...matches(12)].join('\n');
    expect(shortenSearch(failed)).toEqual({ skip: 'doubtful' });
  });
});

describe('what looks like search results', () => {
  const eight = (line: (index: number) => string) => Array.from({ length: 9 }, (_, index) => line(index)).join('\n');

  it.each<[string, (index: number) => string]>([
    ['findings with a column and no colon', (index) => `README.md:${index}:81 MD013/line-length Line too long`],
    ['findings with a range of columns', (index) => `src/Main.hs:${index}:1-10: Suggestion: use a map`],
    ['exceptions with the name of their package', (index) => `t/api.py:12: requests.errors.ConnectionError: ${index}`],
    ['errors of syntax', (index) => `lib/a.rb:${index}: syntax error, something is wrong`],
    ['errors of a typesetter', (index) => `./main.tex:${index}: Undefined control sequence.`],
    ['names that nothing uses', (index) => `src/a.py:${index}: unused variable 'x${index}'`],
  ])('and holds %s stays', (_what, line) => expect(shortenSearch(eight(line))).toBeNull());

  it('and is a log under the name of its file stays', () => {
    const log = eight((index) => `12:30:0${index} ERROR valve ${index} cannot open`);
    expect(shortenSearch(`logs/app.log\n${log}`)).toBeNull();
  });

  it('and is under its path what a checker says stays', () => {
    expect(shortenSearch(`src/app.ts\n${eight((index) => `${index}: error: no ${index}`)}`)).toBeNull();
  });

  it('and ends with a count of failures stays', () => {
    const lines = eight((index) => `src/a.ts:${index}: it was looked for`);
    expect(shortenSearch(`${lines}\n9 failed, 3 passed`)).toEqual({ skip: 'doubtful' });
  });
});

describe('a log', () => {
  const quiet = Array.from({ length: 60 }, (_, index) => `[${index + 1}/60] building part ${index}`);
  const withLine = (line: string, at = 30) => quiet.toSpliced(at, 1, line).join('\n');

  it('is at least 24 lines', () => {
    expect(shortenLog(quiet.slice(0, 23).join('\n'))).toBeNull();
    expect(shortenLog(quiet.slice(0, 24).join('\n'))).toHaveProperty('text');
  });

  it('keeps its beginning, its end and what matters with the lines around it', () => {
    const text = textOf(shortenLog(withLine('warning: the valve is old')))!;
    expect(text.split('\n')).toEqual([
      ...quiet.slice(0, 8),
      '[gateway: 20 lines left out]',
      ...quiet.slice(28, 30),
      'warning: the valve is old',
      ...quiet.slice(31, 33),
      '[gateway: 19 lines left out]',
      ...quiet.slice(52),
    ]);
  });

  it.each([
    'npm ERR! code ERESOLVE',
    'ERRO[0001] the valve stays shut',
    'time=12 level=err msg=shut',
    'valve_error=5',
    'connection refused by the valve',
    'the child ended with exit code 3',
    'SEVERE the valve stays shut',
    '[FTL] the valve stays shut',
  ])('keeps the line "%s"', (line) => expect(textOf(shortenLog(withLine(line)))).toContain(line));

  it('keeps a line whose failure stands in its middle, however long it is', () => {
    const line = `${'drop '.repeat(90)}valve failed ${'drop '.repeat(90)}`;
    expect(textOf(shortenLog(withLine(line)))).toContain(line);
  });

  it('that reports more failures than it shows stays', () => {
    expect(shortenLog(withLine('Summary: 2 failed, 58 passed', 59))).toEqual({ skip: 'doubtful' });
    expect(shortenLog(['Process exited with code 1', ...quiet].join('\n'))).toEqual({ skip: 'doubtful' });
  });

  it('keeps every failure that it reports', () => {
    const tests = Array.from({ length: 80 }, (_, index) => `ok ${index} - pours ${index} times`);
    for (const at of [20, 40, 60]) tests[at] = `not ok ${at} - pours\n  ---\n  expected: 1\n  found: ${at}\n  ...`;
    const text = textOf(shortenLog([...tests, '# tests 80', '# pass 77', '# fail 3'].join('\n')))!;
    for (const at of [20, 40, 60]) expect(text).toContain(tests[at]);
    expect(text).not.toContain('ok 30 ');
  });

  it('with more errors than may be kept stays', () => {
    const errors = quiet.map((line, index) => (index % 3 === 0 ? `ERROR: valve ${index} cannot open` : line));
    expect(shortenLog(errors.join('\n'))).toEqual({ skip: 'over_limits' });
  });
});

describe('every kind', () => {
  const shorteners = [shortenDiff, shortenJson, shortenLog, shortenSearch];
  const word = fc.constantFrom(
    '--- a',
    '+++ b',
    '@@ -1,2 +1,2 @@',
    ' x',
    '+y',
    '-z',
    '{',
    '}',
    '[1, 2]',
    '"',
    '\\',
    'a.ts:1: x',
    'a/b.ts',
    '1:x',
    '2026-01-01 10:00:00 x',
    'FAIL x',
    'error: y',
    '2 failed',
    '',
    '\r',
    '\u0000',
    '\uD800',
    '\u001B[31m',
  );

  it('takes empty lines by the hundred thousand in its stride', () => {
    for (const blank of ['\n', ' \n', `${' '.repeat(399)}\n`, '\r\n']) {
      const text = blank.repeat(300_000 / blank.length);
      for (const shorten of [keepHtml, ...shorteners]) expect(shorten(text)).toBeNull();
      expect(reportedFailures(text)).toBe(0);
    }
  });

  it('takes any text without throwing', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ unit: 'binary' })), { maxLength: 80 }), (lines) => {
        for (const shorten of shorteners) shorten(lines.join('\n'));
      }),
      { numRuns: 300 },
    );
  });
});
