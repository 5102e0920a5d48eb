/**
 * Output of builds and tests: its beginning, its end, the lines that matter, and every failure it reports. When it
 * speaks of failures that are not found in it, it stays whole.
 */
import { leaveOut } from '../leave-out.ts';
import { reportedFailures } from '../reported-failures.ts';
import type { Shorten } from './kind.ts';
import { beginsFailure, isFailure, isLogLine, isPassing, isWarning, plainLine } from './log-lines.ts';

const leastLines = 24;
/** Of the lines that are not empty, so many must look like the work of a build, a test run or a logger. */
const leastShare = 1 / 3;
const headLines = 8;
const tailLines = 8;
const maxImportant = 12;
const context = 2;
/** A failure that goes on for longer has an end nobody can be sure of. */
const longestFailure = 200;

export const shortenLog: Shorten = (text) => {
  const lines = text.split('\n');
  if (lines.length < leastLines) return null;
  const plain = lines.map((line) => plainLine(line));
  const written = plain.filter((line) => line.trim() !== '');
  const logged = written.filter((line) => isLogLine(line)).length;
  if (logged === 0 || logged < written.length * leastShare) return null;

  const keeps = lines.map((_, index) => index < headEnd(plain) || index >= lines.length - tailLines);
  const keep = (from: number, to: number) => void keeps.fill(true, Math.max(0, from), to);
  const reported = reportedFailures(plain.join('\n'));
  if (reported > 0) {
    const failures = failuresIn(plain);
    if (!failures || failures.length < reported) return { skip: 'doubtful' };
    for (const { start, end } of failures) keep(start - context, end);
  }
  const important = importantLines(plain, (index) => keeps[index]!);
  if (!important) return { skip: 'over_limits' };
  for (const index of important) keep(index - context, index + context + 1);
  return { text: leaveOut(lines, (index) => keeps[index]!) };
};

/** What the client's own tool says before the output proper does not count as its head. */
function headEnd(lines: readonly string[]): number {
  const announced = lines.slice(0, headLines).findIndex((line) => /^output:\s*$/i.test(line));
  return announced + 1 + headLines;
}

/** Each failure from its first line to the next test or blank-and-unrelated line; null when one does not end. */
function failuresIn(lines: readonly string[]): { start: number; end: number }[] | null {
  const failures: { start: number; end: number }[] = [];
  for (let start = 0; start < lines.length; start += 1) {
    if (!beginsFailure(lines[start]!)) continue;
    let end = start + 1;
    while (end < lines.length && !endsFailure(lines[end]!)) end += 1;
    if (end - start > longestFailure) return null;
    failures.push({ start, end });
    start = end - 1;
  }
  return failures;
}

function endsFailure(line: string): boolean {
  return beginsFailure(line) || isPassing(line) || (isLogLine(line) && !isFailure(line));
}

/** Errors first, then warnings, as many as may be kept; null when not even the errors fit. */
function importantLines(lines: readonly string[], isKept: (index: number) => boolean): number[] | null {
  const open = [...lines.keys()].filter((index) => !isKept(index) && !isPassing(lines[index]!));
  const errors = open.filter((index) => isFailure(lines[index]!));
  if (errors.length > maxImportant) return null;
  const warnings = open.filter((index) => isWarning(lines[index]!) && !errors.includes(index));
  return [...errors, ...warnings.slice(0, maxImportant - errors.length)];
}
