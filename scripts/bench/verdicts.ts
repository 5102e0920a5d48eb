/** The lines this project holds itself to at this stage, and whether a run kept them. */
import { poolSize, type ChoiceCost } from './choice.ts';
import { poolStates, type PoolState } from './choice-pool.ts';
import type { CompressionCost } from './compression.ts';
import { keptPerAbort } from './measure-aborts.ts';
import { uploads } from './measure-uploads.ts';
import { duration, kilobytes, megabytes, microseconds, milliseconds, perSecond, ratio } from './number-texts.ts';
import { summarize, type Results } from './results.ts';
import { scenarios } from './scenarios.ts';

export interface Verdict {
  readonly expected: string;
  readonly measured: string;
  /** null when it could not be measured here. */
  readonly isKept: boolean | null;
}

/** Expected at this stage. Sizes are decimal: 1 MB is 1,000,000 bytes. */
const expected = {
  throughputOfPipe: 0.75,
  addedOfPipe: 2,
  residentBytes: 150e6,
  bytesPerStream: 120e3,
  /** Less than the smallest body of an exchange, which would be held with it. */
  bytesPerAbort: 5e3,
  /** Four seats, each with a file that is joined from its pieces, and the garbage of those before it. */
  uploadBytes: 300e6,
  coldStartMs: 5_000,
  warmStartMs: 1_500,
  choiceUs: 100,
  compressionHeldMs: 5,
};

export function judge(results: Results): Verdict[] {
  const streams = scenarios.filter(({ isStream, transport }) => isStream && transport === 'http');
  const speed = streams.flatMap(({ id, title }) => {
    const ours = summarize(results.figures, { scenario: id, target: 'ours' });
    return [
      atLeast(`${title}: throughput of the pipe's`, {
        value: ours.throughputOfPipe,
        line: expected.throughputOfPipe,
        text: ratio,
      }),
      atMost(`${title}: added first byte (p50) of the pipe's`, {
        value: ours.addedP50OfPipe,
        line: expected.addedOfPipe,
        text: ratio,
      }),
    ];
  });
  const memory = results.memory.find(({ target }) => target === 'ours');
  return [
    ...speed,
    atMost('resident at rest, without Postgres', {
      value: memory?.idleBytes ?? Number.NaN,
      line: expected.residentBytes,
      text: megabytes,
    }),
    atMost('per open stream', {
      value: memory?.bytesPerStream ?? Number.NaN,
      line: expected.bytesPerStream,
      text: kilobytes,
    }),
    atMost('live heap kept of a /v1 stream that was left in its midst', {
      value: keptPerAbort(results.aborts),
      line: expected.bytesPerAbort,
      text: kilobytes,
    }),
    atMost(`growth by ${uploads.files} files of ${megabytes(uploads.bytes)} from ${uploads.clients} clients`, {
      value: results.uploads.mostBytes - results.uploads.idleBytes,
      line: expected.uploadBytes,
      text: megabytes,
    }),
    atMost('cold start, with the first initdb', {
      value: results.coldStartMs,
      line: expected.coldStartMs,
      text: duration,
    }),
    atMost('warm start', { value: results.warmStartMs, line: expected.warmStartMs, text: duration }),
    ...judgeChoices(results.choices),
    ...judgeCompression(results.compression),
  ];
}

/** The slowest strategy counts for all. */
export function judgeChoices(choices: readonly ChoiceCost[]): Verdict[] {
  return (Object.keys(poolStates) as PoolState[]).map((state) => {
    const costs = choices.filter(({ pool }) => pool === state).map(({ choiceUs }) => choiceUs);
    const value = costs.length === 0 ? Number.NaN : Math.max(...costs);
    const what = `choosing one of ${perSecond(poolSize)} accounts, ${poolStates[state]}, slowest strategy (p50)`;
    return atMost(what, { value, line: expected.choiceUs, text: microseconds });
  });
}

/** What every other stream of the process waits for, not what the request itself does. */
export function judgeCompression(costs: readonly CompressionCost[]): Verdict[] {
  const value = costs.find(({ look }) => look === 'first')?.heldMs ?? Number.NaN;
  const text = (ms: number) => `${milliseconds(ms)} ms`;
  return [
    atMost('the event loop held by a first look at 1 MiB of tool outputs (p50)', {
      value,
      line: expected.compressionHeldMs,
      text,
    }),
  ];
}

interface Line {
  readonly value: number;
  readonly line: number;
  readonly text: (value: number) => string;
}

function atLeast(what: string, { value, line, text }: Line): Verdict {
  const isKept = Number.isNaN(value) ? null : value >= line;
  return { expected: `${what} ≥ ${text(line)}`, measured: text(value), isKept };
}

function atMost(what: string, { value, line, text }: Line): Verdict {
  const isKept = Number.isNaN(value) ? null : value <= line;
  return { expected: `${what} ≤ ${text(line)}`, measured: text(value), isKept };
}
