/** Memory: at rest, with 300 streams open, and after waves of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readLiveHeapBytes } from './collect-garbage.ts';
import type { LoadResult } from './load-job.ts';
import type { Loader } from './loader.ts';
import { jobOf } from './measure-rounds.ts';
import { readDescendantsBytes } from './process-figures.ts';
import {
  heldMs,
  heldPublicTurns,
  heldScenario,
  heldTurns,
  openStreams,
  scenarios,
  type Scenario,
} from './scenarios.ts';
import type { Target, TargetName } from './targets.ts';
import { residentAtRest, watchMost } from './watch-resident.ts';
import type { RunningProcess } from './workshop.ts';

/** Bytes, read from a process that has served only a handful of requests before. */
export interface MemoryFigures {
  readonly target: TargetName;
  readonly idleBytes: number;
  /** The most seen while the streams were open. */
  readonly openBytes: number;
  readonly bytesPerStream: number;
  /** The same with a turn running on each of so many websockets; NaN for who speaks none. */
  readonly bytesPerSocket: number;
  /** The same with websockets of `/v1`. */
  readonly bytesPerPublicSocket: number;
  /** Its database's memory, shared pages counted once; NaN when there is none or the system does not tell. */
  readonly databaseBytes: number;
  readonly failures: number;
  readonly firstFailure: string | null;
}

export interface LeakFigures {
  /** After 0, 1, 2 … waves of 300 streams and a rest. */
  readonly residentBytes: readonly number[];
  /** The same, what live values hold after a full collection. NaN where that cannot be asked. */
  readonly liveHeapBytes: readonly number[];
  /** Live heap with 300 streams open: what they really hold, without the garbage that resident memory still counts. */
  readonly openLiveHeapBytes: number;
  readonly failures: number;
  readonly firstFailure: string | null;
}

const firstRequests = 10;
const restMs = 500;

/** @param target - One with a process. */
export async function measureMemory(target: Target, loader: Loader): Promise<MemoryFigures> {
  const pid = target.pid ?? 0;
  // Every code path once, so that the first stream does not pay for loading and compiling.
  for (const scenario of scenarios.filter(({ paceMs, transport }) => paceMs === 0 && transport === 'http')) {
    await loader.run(
      jobOf({ scenario, target }, { connections: 1, until: { requestsEach: firstRequests }, rampMs: 0 }),
    );
  }
  await sleep(restMs);
  const idleBytes = await residentAtRest(pid);
  const looking = watchMost(pid);
  const result = await loader.run(wave({ scenario: heldScenario, target }, heldMs / 4));
  const openBytes = await looking.stop();
  const isOurs = target.name === 'ours';
  const sockets = isOurs ? await measureSockets(heldTurns, { target, loader }) : null;
  const publicSockets = isOurs ? await measureSockets(heldPublicTurns, { target, loader }) : null;
  return {
    target: target.name,
    idleBytes,
    openBytes,
    bytesPerStream: Math.max(0, openBytes - idleBytes) / openStreams,
    bytesPerSocket: sockets?.bytesPerSocket ?? Number.NaN,
    bytesPerPublicSocket: publicSockets?.bytesPerSocket ?? Number.NaN,
    databaseBytes: isOurs ? await readDescendantsBytes(pid) : Number.NaN,
    failures: result.failures + (sockets?.failures ?? 0) + (publicSockets?.failures ?? 0),
    firstFailure: result.firstFailure ?? sockets?.firstFailure ?? publicSockets?.firstFailure ?? null,
  };
}

/** What websockets add to what the process held before them. */
async function measureSockets(held: Scenario, { target, loader }: { target: Target; loader: Loader }) {
  const pid = target.pid ?? 0;
  const first = { connections: firstRequests, until: { requestsEach: 1 }, rampMs: 0 };
  await loader.run(jobOf({ scenario: held, target }, first));
  await sleep(restMs);
  const idleBytes = await residentAtRest(pid);
  const looking = watchMost(pid);
  const { failures, firstFailure } = await loader.run(wave({ scenario: held, target }, heldMs / 4));
  const openBytes = await looking.stop();
  return { bytesPerSocket: Math.max(0, openBytes - idleBytes) / openStreams, failures, firstFailure };
}

/** Waves of 300 streams against a server that has served all the rounds before, and one look while they are open. */
export async function measureLeak(
  running: RunningProcess,
  { target, loader, waves }: { target: Target; loader: Loader; waves: number },
): Promise<LeakFigures> {
  const paced = scenarios.find(({ paceMs }) => paceMs > 0) ?? heldScenario;
  const residentBytes: number[] = [];
  const liveHeapBytes: number[] = [];
  const results: LoadResult[] = [];
  for (let done = 0; ; done += 1) {
    await sleep(restMs);
    liveHeapBytes.push(await readLiveHeapBytes(running));
    residentBytes.push(await residentAtRest(running.pid));
    if (done === waves) break;
    results.push(await loader.run(wave({ scenario: paced, target }, paced.paceMs / 2)));
  }
  const holding = loader.run(wave({ scenario: heldScenario, target }, heldMs / 4));
  await sleep(heldMs / 2);
  const openLiveHeapBytes = await readLiveHeapBytes(running);
  results.push(await holding);
  return {
    residentBytes,
    liveHeapBytes,
    openLiveHeapBytes,
    failures: results.reduce((sum, { failures }) => sum + failures, 0),
    firstFailure: results.find(({ firstFailure }) => firstFailure !== null)?.firstFailure ?? null,
  };
}

function wave(subject: { scenario: Scenario; target: Target }, rampMs: number) {
  return jobOf(subject, { connections: openStreams, until: { requestsEach: 1 }, rampMs });
}
