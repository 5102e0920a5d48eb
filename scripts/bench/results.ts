/** All that one run found, and what the rounds say together. */
import type { ChoiceCost } from './choice.ts';
import type { CompressionCost } from './compression.ts';
import type { Machine } from './machine.ts';
import type { AbortFigures } from './measure-aborts.ts';
import type { LeakFigures, MemoryFigures } from './measure-memory.ts';
import type { UploadFigures } from './measure-uploads.ts';
import type { RoundFigures } from './measure-rounds.ts';
import type { ScenarioId } from './scenarios.ts';
import { median, medianRatio } from './statistics.ts';
import type { TargetName } from './targets.ts';

export interface Results {
  readonly machine: Machine;
  readonly finishedAt: Date;
  readonly rounds: number;
  /** Share of the whole machine that other programs used during the rounds; NaN where the system does not tell. */
  readonly othersShare: number;
  readonly figures: readonly RoundFigures[];
  readonly memory: readonly MemoryFigures[];
  readonly leak: LeakFigures;
  readonly aborts: AbortFigures;
  readonly uploads: UploadFigures;
  /** From the start of the process until it serves. */
  readonly coldStartMs: number;
  readonly warmStartMs: number;
  readonly choices: readonly ChoiceCost[];
  readonly compression: readonly CompressionCost[];
}

/** The rounds of one scenario through one target, summed up. Ratios are to the pipe of the same round. */
export interface Summary {
  readonly firstByteP50: number;
  readonly firstByteP99: number;
  /** What the target adds to the direct way; NaN for the direct way itself. */
  readonly addedP50: number;
  readonly addedP99: number;
  readonly addedP50OfPipe: number;
  readonly addedP99OfPipe: number;
  readonly requestsPerSecond: number;
  readonly throughputOfPipe: number;
  readonly cpuMs: number;
  readonly cpuOfPipe: number;
  readonly databaseCpuMs: number;
  readonly coreShare: number;
  readonly sandboxCoreShare: number;
}

/** @param figures - Of all rounds, scenarios and targets. */
export function summarize(
  figures: readonly RoundFigures[],
  { scenario, target }: { scenario: ScenarioId; target: TargetName },
): Summary {
  const of = (name: TargetName, round: number) =>
    figures.find((each) => each.scenario === scenario && each.target === name && each.round === round);
  const rounds = figures
    .filter((each) => each.scenario === scenario && each.target === target)
    .map((own) => ({ own, pipe: of('pipe', own.round), direct: of('direct', own.round) }));
  const middle = (read: (figures: RoundFigures) => number) => median(rounds.map(({ own }) => read(own)));
  const ratio = (read: (figures: RoundFigures) => number) =>
    medianRatio(rounds.flatMap(({ own, pipe }) => (pipe ? [[read(own), read(pipe)] as const] : [])));
  const added = (read: (figures: RoundFigures) => number) => {
    if (target === 'direct') return { ms: Number.NaN, ofPipe: Number.NaN };
    // Where the pipe cannot be asked there is nothing to set it against, but still what is added.
    const pairs = rounds.flatMap(({ own, pipe, direct }) =>
      direct ? [[read(own) - read(direct), pipe ? read(pipe) - read(direct) : Number.NaN] as const] : [],
    );
    return { ms: median(pairs.map(([ms]) => ms)), ofPipe: medianRatio(pairs) };
  };
  const p50 = added((each) => each.firstByteP50);
  const p99 = added((each) => each.firstByteP99);
  return {
    firstByteP50: middle((each) => each.firstByteP50),
    firstByteP99: middle((each) => each.firstByteP99),
    addedP50: p50.ms,
    addedP99: p99.ms,
    addedP50OfPipe: p50.ofPipe,
    addedP99OfPipe: p99.ofPipe,
    requestsPerSecond: middle((each) => each.requestsPerSecond),
    throughputOfPipe: ratio((each) => each.requestsPerSecond),
    cpuMs: middle((each) => each.cpuMs),
    cpuOfPipe: ratio((each) => each.cpuMs),
    databaseCpuMs: middle((each) => each.databaseCpuMs),
    coreShare: middle((each) => each.coreShare),
    sandboxCoreShare: middle((each) => each.sandboxCoreShare),
  };
}

/** Every way a request failed, with how often; empty for a run that counts. */
export function failuresOf({
  figures,
  memory,
  leak,
  aborts,
  uploads,
}: Pick<Results, 'figures' | 'memory' | 'leak' | 'aborts' | 'uploads'>): string[] {
  const rows = [
    ...figures.map((each) => ({ ...each, where: `${each.scenario} through ${each.target}, round ${each.round + 1}` })),
    ...memory.map((each) => ({ ...each, where: `open streams through ${each.target}` })),
    { ...leak, where: 'waves of streams through ours' },
    { ...aborts, where: 'streams of ours that were left' },
    { ...uploads, where: 'uploads to ours' },
  ];
  return rows
    .filter(({ failures }) => failures > 0)
    .map(({ where, failures, firstFailure }) => `${where}: ${failures} failed, first: ${firstFailure ?? 'unknown'}`);
}
