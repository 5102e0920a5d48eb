/**
 * Speed: every scenario against every target, round by round, so that whatever else the machine does hits all alike.
 * One at a time for the time a gateway adds, many at once for throughput and processor time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadJob, LoadResult } from './load-job.ts';
import type { Loader } from './loader.ts';
import { readCpuMs, readDescendantsCpuMs } from './process-figures.ts';
import { openStreams, scenarios, type Scenario } from './scenarios.ts';
import { percentile } from './statistics.ts';
import type { Target, TargetName } from './targets.ts';

/** One scenario against one target in one round. Times in milliseconds; NaN where there is nothing to measure. */
export interface RoundFigures {
  readonly scenario: Scenario['id'];
  readonly target: TargetName;
  readonly round: number;
  readonly firstByteP50: number;
  readonly firstByteP99: number;
  readonly requestsPerSecond: number;
  /** Processor time of the gateway's own process per request. */
  readonly cpuMs: number;
  /** Processor time of the processes below it per request: our Postgres. */
  readonly databaseCpuMs: number;
  /** Share of one core that the gateway's process used, 1 for all of it. */
  readonly coreShare: number;
  readonly sandboxCoreShare: number;
  readonly failures: number;
  readonly firstFailure: string | null;
}

/** How much is asked in one round. */
export interface RoundSize {
  /** Requests one after the other. */
  readonly oneByOne: number;
  /** How long many at once are kept up. */
  readonly loadMs: number;
  /** Paced streams per connection. */
  readonly pacedEach: number;
}

export interface RoundParts {
  readonly loader: Loader;
  readonly sandboxPid: number;
  readonly size: RoundSize;
}

/** What a settlement may still cost after the answer's last byte. */
const settleMs = 100;

/** A job of this scenario against this target. */
export function jobOf(
  { scenario, target }: { scenario: Scenario; target: Target },
  rest: Pick<LoadJob, 'connections' | 'until' | 'rampMs'>,
): LoadJob {
  const { path, body, endMark, transport, headers } =
    target.name === 'direct' ? (scenario.direct ?? scenario) : scenario;
  return {
    transport,
    origin: target.origin,
    path,
    body,
    endMark,
    headers: { ...headers, ...target.headers },
    ...rest,
  };
}

/** Those who speak the transport of a scenario. */
function targetsOf({ transport }: Scenario, targets: readonly Target[]): readonly Target[] {
  return targets.filter(({ name }) => transport === 'http' || name === 'direct' || name === 'ours');
}

/** Lets every target meet every scenario that has a way of its own, so that no round measures a cold compiler. */
export async function warmUp(targets: readonly Target[], { loader, size }: RoundParts): Promise<void> {
  for (const scenario of scenarios.filter(({ paceMs, direct }) => paceMs === 0 || direct)) {
    for (const target of targetsOf(scenario, targets)) {
      const until = scenario.paceMs === 0 ? { ms: size.loadMs / 2 } : { requestsEach: 1 };
      await loader.run(jobOf({ scenario, target }, { connections: scenario.connections, until, rampMs: 0 }));
    }
  }
}

/** One round. The order of the targets turns with the round, so that none is always the first after another. */
export async function measureRound(
  round: number,
  {
    targets,
    parts,
    onFigures,
  }: {
    targets: readonly Target[];
    parts: RoundParts;
    onFigures: (figures: RoundFigures) => void;
  },
): Promise<void> {
  for (const scenario of scenarios) {
    const asked = targetsOf(scenario, targets);
    for (const index of asked.keys()) {
      const target = asked[(index + round) % asked.length];
      if (target) onFigures(await measure({ scenario, target, round }, parts));
    }
  }
}

interface Subject {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly round: number;
}

async function measure(subject: Subject, parts: RoundParts): Promise<RoundFigures> {
  const { scenario, target, round } = subject;
  const alone = scenario.paceMs > 0 ? null : await askOneByOne(subject, parts);
  const { result, ...used } = await askManyAtOnce(subject, parts);
  const firstBytes = (alone ?? result).firstByteMs;
  return {
    scenario: scenario.id,
    target: target.name,
    round,
    firstByteP50: percentile(firstBytes, 0.5),
    firstByteP99: percentile(firstBytes, 0.99),
    requestsPerSecond: result.totalMs.length / (result.elapsedMs / 1000),
    ...used,
    failures: result.failures + (alone?.failures ?? 0),
    firstFailure: alone?.firstFailure ?? result.firstFailure,
  };
}

function askOneByOne(subject: Subject, { loader, size }: RoundParts): Promise<LoadResult> {
  const until = { requestsEach: size.oneByOne };
  return loader.run(jobOf(subject, { connections: 1, until, rampMs: 0 }));
}

async function askManyAtOnce(subject: Subject, { loader, size, sandboxPid }: RoundParts) {
  const { scenario, target } = subject;
  const isPaced = scenario.paceMs > 0;
  const read = async () => ({
    own: target.pid === null ? Number.NaN : await readCpuMs(target.pid),
    below: target.pid === null ? Number.NaN : await readDescendantsCpuMs(target.pid),
    sandbox: await readCpuMs(sandboxPid),
  });
  const before = await read();
  const result = await loader.run(
    jobOf(subject, {
      connections: isPaced ? openStreams : scenario.connections,
      until: isPaced ? { requestsEach: size.pacedEach } : { ms: size.loadMs },
      rampMs: scenario.paceMs,
    }),
  );
  await sleep(settleMs);
  const after = await read();
  const requests = result.totalMs.length + result.failures;
  return {
    result,
    cpuMs: (after.own - before.own) / requests,
    databaseCpuMs: (after.below - before.below) / requests,
    coreShare: (after.own - before.own) / result.elapsedMs,
    sandboxCoreShare: (after.sandbox - before.sandbox) / result.elapsedMs,
  };
}
