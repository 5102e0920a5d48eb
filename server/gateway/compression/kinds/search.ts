/**
 * Search results: the first matches of each file. Three forms are known: `path:line: text`, lines grouped under their
 * path, and a NUL between path and line. What a compiler or a checker says of a line looks much alike, so anything that
 * could be a complaint is left alone.
 */
import { leaveOut } from '../leave-out.ts';
import { failedRun } from '../reported-failures.ts';
import type { Shorten } from './kind.ts';

const leastMatches = 8;
const maxFiles = 20;
const maxMatches = 60;
const maxMatchesPerFile = 3;
/** Lines that are neither match nor path: what a tool says before and after. More, and it is something else. */
const maxOtherLines = 10;

const inline = /^((?:[A-Za-z]:)?[^\s:\0]+):(\d+):([^\n]*)$/;
const afterNul = /^([^\0]+)\0\s*\d+[:\0-]/;
const grouped = /^\d+:/;
/** `path:line:column:` is how compilers and checkers speak; so are lines whose text begins with one of these. */
const complaint =
  /^\s*(?:\d+:|(?:fatal |internal )?(?:error|warning|note|remark|hint|info|fail\w*|assert\w*|panic\w*)\b|\[?[A-Z]+\d+\b|\w*(?:Error|Exception|Warning|Failure)\b)/i;

type Line =
  | { readonly kind: 'match' | 'path'; readonly file: string }
  | { readonly kind: 'blank' | 'other' | 'complaint' };

export const shortenSearch: Shorten = (text) => {
  const lines = text.split('\n');
  const read = readLines(lines);
  const count = (kind: Line['kind']) => read.filter((line) => line.kind === kind).length;
  if (count('match') < leastMatches || count('complaint') > 0 || count('other') > maxOtherLines) return null;
  if (failedRun(text)) return { skip: 'doubtful' };
  const keeps = keptLines(read);
  return { text: leaveOut(lines, (index) => keeps[index]!) };
};

function readLines(lines: readonly string[]): Line[] {
  let heading: string | null = null;
  return lines.map((line, index): Line => {
    if (line.trim() === '') {
      heading = null;
      return { kind: 'blank' };
    }
    const separate = afterNul.exec(line);
    if (separate) return { kind: 'match', file: separate[1]! };
    const match = inline.exec(line);
    if (match && isPath(match[1]!)) {
      return complaint.test(match[3]!) ? { kind: 'complaint' } : { kind: 'match', file: match[1]! };
    }
    if (heading !== null && grouped.test(line)) return { kind: 'match', file: heading };
    const path = line.trimEnd();
    if (!isPath(path) || !grouped.test(lines[index + 1] ?? '')) return { kind: 'other' };
    heading = path;
    return { kind: 'path', file: path };
  });
}

function isPath(text: string): boolean {
  return /^(?:[A-Za-z]:)?[^\s:]+$/.test(text) && /[./\\]/.test(text) && /[A-Za-z]/.test(text);
}

/** A path, and the blank line after its matches, go with the last of them. */
function keptLines(lines: readonly Line[]): boolean[] {
  const perFile = new Map<string, number>();
  let matches = 0;
  let keepsGroup = true;
  const isKept = (file: string) => perFile.has(file) || (perFile.size < maxFiles && matches < maxMatches);
  return lines.map((line) => {
    if (line.kind === 'path') return (keepsGroup = isKept(line.file));
    if (line.kind === 'blank') return keepsGroup;
    if (line.kind !== 'match') return (keepsGroup = true);
    const ofFile = perFile.get(line.file) ?? 0;
    if (!isKept(line.file) || ofFile >= maxMatchesPerFile || matches >= maxMatches) return false;
    perFile.set(line.file, ofFile + 1);
    matches += 1;
    return true;
  });
}
