/**
 * Search results: the first matches of each file. Three forms are known: `path:line: text`, lines grouped under their
 * path, and a NUL between path and line. What a compiler or a checker says of a line looks much alike, so anything that
 * could be a complaint is left alone.
 */
import { leaveOut } from '../leave-out.ts';
import { failedRun, reportedFailures } from '../reported-failures.ts';
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
/**
 * `path:line:column` is how compilers and checkers speak, and what looks like a path and a line may be a name and a port,
 * or a time; so are lines whose text begins with one of these.
 */
const complaint =
  /^\s*(?:\d+(?:[-:\s]|$)|(?:fatal |internal |syntax |parse |type )?(?:error|warning|note|remark|hint|info|suggestion|fail\w*|assert\w*|panic\w*)\b|[\w.]*(?:Error|Exception|Warning|Failure)\b)/i;
/** What a tool says after `path:line: `, one space and the word; in code such a word stands elsewhere. */
const finding =
  /^ (?:undefined|undeclared|unused|unexpected|unresolved|unreachable|unknown|unable|missing|invalid|illegal|duplicate|cannot|can't|could not|couldn't|no such|not found|expected|deprecated|connection|access denied|permission denied|(?:(?:latex|package|class) (?:\w+ )?error))\b|^\s*\[?[A-Z]+\d+\b/i;

type Line =
  | { readonly kind: 'match' | 'path'; readonly file: string }
  | { readonly kind: 'blank' | 'other' | 'complaint' };

export const shortenSearch: Shorten = (text) => {
  const lines = text.split('\n');
  const read = readLines(lines);
  if (!read || read.filter(({ kind }) => kind === 'match').length < leastMatches) return null;
  if (failedRun(text) || saysOfFailures(lines, read)) return { skip: 'doubtful' };
  const keeps = keptLines(read);
  return { text: leaveOut(lines, (index) => keeps[index]!) };
};

/** Matches may hold any words; what stands between them counts what was found wrong. */
function saysOfFailures(lines: readonly string[], read: readonly Line[]): boolean {
  return reportedFailures(lines.filter((_, index) => read[index]!.kind === 'other').join('\n')) > 0;
}

/** null as soon as the text is known to be something else: a complaint, or too much between the matches. */
function readLines(lines: readonly string[]): Line[] | null {
  const read: Line[] = [];
  let heading: string | null = null;
  let others = 0;
  for (const [index, line] of lines.entries()) {
    const found = readLine(line, { heading, next: lines[index + 1] ?? '' });
    if (found.kind === 'complaint') return null;
    if (found.kind === 'other' && (others += 1) > maxOtherLines) return null;
    if (found.kind === 'blank') heading = null;
    else if (found.kind === 'path') heading = found.file;
    read.push(found);
  }
  return read;
}

function readLine(line: string, { heading, next }: { heading: string | null; next: string }): Line {
  if (line.trim() === '') return { kind: 'blank' };
  const separate = afterNul.exec(line);
  if (separate) return { kind: 'match', file: separate[1]! };
  const match = inline.exec(line);
  if (match && isPath(match[1]!)) {
    return isComplaint(match[3]!) ? { kind: 'complaint' } : { kind: 'match', file: match[1]! };
  }
  if (heading !== null && grouped.test(line)) {
    return isComplaint(line.replace(grouped, '')) ? { kind: 'complaint' } : { kind: 'match', file: heading };
  }
  const path = line.trimEnd();
  return isPath(path) && grouped.test(next) ? { kind: 'path', file: path } : { kind: 'other' };
}

function isComplaint(text: string): boolean {
  return complaint.test(text) || finding.test(text);
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
