/** What `/v1` streams leave behind whose clients went away in the midst of them: nothing, if all is let go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readLiveHeapBytes } from './collect-garbage.ts';
import { abortedModel, openStreams } from './scenarios.ts';
import type { Target } from './targets.ts';
import { residentAtRest } from './watch-resident.ts';
import type { RunningProcess } from './workshop.ts';

export interface AbortFigures {
  /** After 0, 1, 2 … waves of 300 streams that were left, and a rest. */
  readonly residentBytes: readonly number[];
  /** The same, what live values hold after a full collection. NaN where that cannot be asked. */
  readonly liveHeapBytes: readonly number[];
  readonly failures: number;
  readonly firstFailure: string | null;
}

/** Long enough for the provider to be told and the exchanges to be settled. */
const restMs = 3_000;
/** Streams begin spread over this time, as clients do. */
const rampMs = 500;
/** A piece of the answer, in either language. */
const piece = /"delta":(?:"|\{"content":"[^"])/;
const text = 'The quick brown fox jumps over the lazy dog while the benchmark runs. '.repeat(170);

const asks = [
  { path: '/v1/responses', body: { model: abortedModel, input: text, stream: true } },
  {
    path: '/v1/chat/completions',
    body: { model: abortedModel, messages: [{ role: 'user', content: text }], stream: true },
  },
];

/** @param options.waves - Beside one that comes before the first reading, so that nothing is loaded for the first time. */
export async function measureAborts(
  running: RunningProcess,
  { target, waves }: { target: Target; waves: number },
): Promise<AbortFigures> {
  const residentBytes: number[] = [];
  const liveHeapBytes: number[] = [];
  const failures = [...(await leaveMany(target))];
  for (let done = 0; ; done += 1) {
    await sleep(restMs);
    liveHeapBytes.push(await readLiveHeapBytes(running));
    residentBytes.push(await residentAtRest(running.pid));
    if (done === waves) break;
    failures.push(...(await leaveMany(target)));
  }
  return { residentBytes, liveHeapBytes, failures: failures.length, firstFailure: failures[0] ?? null };
}

/** What a stream that was left keeps of the heap, by the growth over all waves; NaN without one. */
export function keptPerAbort({ liveHeapBytes }: AbortFigures): number {
  const waves = liveHeapBytes.length - 1;
  return ((liveHeapBytes.at(-1) ?? Number.NaN) - (liveHeapBytes[0] ?? Number.NaN)) / (waves * openStreams);
}

/** @returns what went wrong with those that did not begin. */
async function leaveMany(target: Target): Promise<string[]> {
  const left = await Promise.all(
    Array.from({ length: openStreams }, async (_, index) => {
      await sleep((rampMs * index) / openStreams);
      return leaveInTheMidst(target, asks[index % asks.length]!);
    }),
  );
  return left.filter((failure) => failure !== null);
}

/** Reads until a piece of the answer came, then goes away. */
async function leaveInTheMidst(
  { origin, headers }: Target,
  { path, body }: (typeof asks)[number],
): Promise<string | null> {
  const leaving = new AbortController();
  try {
    const answer = await fetch(origin + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    if (!answer.ok || !answer.body) return `${answer.status} ${(await answer.text()).slice(0, 200)}`;
    let seen = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      seen += chunk;
      if (piece.test(seen)) return null;
    }
    return 'status 200, but no piece of the answer came';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    leaving.abort();
  }
}
