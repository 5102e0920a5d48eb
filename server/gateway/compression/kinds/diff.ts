/**
 * Unified diffs: two lines of context instead of more, written as `diff -U2` writes it, with hunks cut where context
 * goes and their counts corrected. Every change and every header stays, and the result is a valid diff.
 */
import type { Shorten } from './kind.ts';

const context = 2;
const maxFiles = 16;
const maxHunks = 32;
const maxHunksPerFile = 8;

const hunkHeader = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@([^\n]*)$/;

interface HunkLine {
  readonly sign: ' ' | '+' | '-';
  /** As it stands, with the note on a missing line end that may follow. */
  readonly text: string;
}

interface Hunk {
  readonly oldStart: number;
  readonly newStart: number;
  /** What follows the second `@@`: the place in the file. */
  readonly place: string;
  readonly header: string;
  readonly lines: readonly HunkLine[];
  /** Index of the first line after it. */
  readonly end: number;
}

export const shortenDiff: Shorten = (text) => {
  const lines = text.split('\n');
  if (!lines.some((_, index) => beginsFile(lines, index))) return null;
  const result: string[] = [];
  const hunksOfFiles: number[] = [];
  for (let index = 0; index < lines.length;) {
    const line = lines[index]!;
    if (beginsFile(lines, index)) {
      hunksOfFiles.push(0);
      result.push(line, lines[index + 1]!);
      index += 2;
    } else if (hunkHeader.test(line)) {
      const hunk = readHunk(lines, index);
      if (!hunk || hunksOfFiles.length === 0) return { skip: 'doubtful' };
      hunksOfFiles.push((hunksOfFiles.pop() ?? 0) + 1);
      result.push(...writeHunk(hunk));
      index = hunk.end;
    } else {
      result.push(line);
      index += 1;
    }
  }
  const hunks = hunksOfFiles.reduce((sum, count) => sum + count, 0);
  if (hunksOfFiles.length > maxFiles || hunks > maxHunks || hunksOfFiles.some((count) => count > maxHunksPerFile))
    return { skip: 'over_limits' };
  return { text: result.join('\n') };
};

function beginsFile(lines: readonly string[], index: number): boolean {
  return (
    lines[index]!.startsWith('--- ') &&
    lines[index + 1]?.startsWith('+++ ') === true &&
    hunkHeader.test(lines[index + 2] ?? '')
  );
}

/** null when the lines are not as many as the header says: then it is no diff to be sure of. */
function readHunk(lines: readonly string[], at: number): Hunk | null {
  const header = lines[at]!;
  const [, oldStart, oldCount = '1', newStart, newCount = '1', place = ''] = hunkHeader.exec(header)!;
  let oldLeft = Number(oldCount);
  let newLeft = Number(newCount);
  const read: HunkLine[] = [];
  let index = at + 1;
  while (oldLeft > 0 || newLeft > 0) {
    const line = lines[index];
    const sign = line === undefined ? null : signOf(line);
    if (sign === null) return null;
    if (sign !== '+') oldLeft -= 1;
    if (sign !== '-') newLeft -= 1;
    if (oldLeft < 0 || newLeft < 0) return null;
    index += 1;
    const note = lines[index]?.startsWith('\\ ') ? lines[index] : undefined;
    if (note !== undefined) index += 1;
    read.push({ sign, text: note === undefined ? line! : `${line}\n${note}` });
  }
  return { oldStart: Number(oldStart), newStart: Number(newStart), place, header, lines: read, end: index };
}

/** Some programs strip the space that an empty line of context begins with. */
function signOf(line: string): HunkLine['sign'] | null {
  const [first = ' '] = line;
  if (first === '\r') return ' ';
  return first === ' ' || first === '+' || first === '-' ? first : null;
}

function writeHunk({ oldStart, newStart, place, header, lines }: Hunk): string[] {
  const stays = nearChanges(lines);
  if (!stays.includes(false) || !stays.includes(true)) return [header, ...lines.map(({ text }) => text)];
  const written: string[] = [];
  let [oldLine, newLine] = [oldStart, newStart];
  for (let index = 0; index < lines.length;) {
    let end = index;
    while (end < lines.length && stays[end] === stays[index]) end += 1;
    const part = lines.slice(index, end);
    const oldCount = part.filter(({ sign }) => sign !== '+').length;
    const newCount = part.filter(({ sign }) => sign !== '-').length;
    if (stays[index]) {
      const ending = written.length === 0 ? place : place.endsWith('\r') ? '\r' : '';
      written.push(`@@ -${range(oldLine, oldCount)} +${range(newLine, newCount)} @@${ending}`);
      written.push(...part.map(({ text }) => text));
    }
    oldLine += oldCount;
    newLine += newCount;
    index = end;
  }
  return written;
}

/** For each line whether it is a change or within the context of one. */
function nearChanges(lines: readonly HunkLine[]): boolean[] {
  const stays = lines.map(() => false);
  lines.forEach(({ sign }, index) => {
    if (sign !== ' ') stays.fill(true, Math.max(0, index - context), index + context + 1);
  });
  return stays;
}

function range(start: number, count: number): string {
  return count === 1 ? String(start) : `${start},${count}`;
}
