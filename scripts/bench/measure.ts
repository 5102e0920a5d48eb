/** One whole run, from the first start to the last wave. */
import { join } from 'node:path';
import { prepareGateway, startGateway } from './gateway.ts';
import { startLoader } from './loader.ts';
import { readBusyMs, readMachine } from './machine.ts';
import { measureAborts } from './measure-aborts.ts';
import { measureLeak, measureMemory, type MemoryFigures } from './measure-memory.ts';
import { measureUploads } from './measure-uploads.ts';
import { measureRound, warmUp, type RoundFigures, type RoundSize } from './measure-rounds.ts';
import { readCpuMs, readDescendantsCpuMs } from './process-figures.ts';
import type { Results } from './results.ts';
import { median } from './statistics.ts';
import { directTarget, ourTarget, startPipe, startSandbox, type Sandbox } from './targets.ts';
import type { RunningProcess, Workshop } from './workshop.ts';

export interface RunSize extends RoundSize {
  readonly rounds: number;
  readonly warmStarts: number;
  /** Waves of 300 streams at the end. */
  readonly waves: number;
}

/** @param options.tell - Hears what is being done, for somebody who waits. */
export async function measureAll(
  workshop: Workshop,
  { size, tell }: { size: RunSize; tell: (text: string) => void },
): Promise<Omit<Results, 'choices' | 'compression'>> {
  tell('starting');
  const [sandbox, loader] = await Promise.all([startSandbox(workshop), startLoader(workshop)]);
  const [pipe, koa] = await Promise.all([
    startPipe(workshop, { name: 'pipe', sandbox }),
    startPipe(workshop, { name: 'koa', sandbox }),
  ]);
  // Alone, because how long it takes is measured.
  const { running, secret, ...starts } = await measureStarts(workshop, { sandbox, warmStarts: size.warmStarts });
  const ours = ourTarget(running, secret);

  tell('memory');
  const memory: MemoryFigures[] = [];
  for (const target of [pipe, koa, ours]) memory.push(await measureMemory(target, loader));

  const targets = [directTarget(sandbox), pipe, koa, ours];
  const parts = { loader, sandboxPid: sandbox.pid, size };
  tell('warming up');
  await warmUp(targets, parts);
  const figures: RoundFigures[] = [];
  const others = await watchOthers();
  for (let round = 0; round < size.rounds; round += 1) {
    tell(`round ${round + 1} of ${size.rounds}`);
    await measureRound(round, { targets, parts, onFigures: (each) => figures.push(each) });
  }
  const othersShare = await others.share();

  tell('waves of streams');
  const leak = await measureLeak(running, { target: ours, loader, waves: size.waves });
  tell('streams that are left');
  const aborts = await measureAborts(running, { target: ours, waves: size.waves });
  tell('uploads');
  const uploads = await measureUploads(ours);
  return {
    machine: readMachine(),
    finishedAt: new Date(),
    rounds: size.rounds,
    othersShare,
    figures,
    memory,
    leak,
    aborts,
    uploads,
    ...starts,
  };
}

/** Once on a folder that is not there yet, then on the same one; the last server stays for the rest of the run. */
async function measureStarts(
  workshop: Workshop,
  { sandbox, warmStarts }: { sandbox: Sandbox; warmStarts: number },
): Promise<{ running: RunningProcess; secret: string; coldStartMs: number; warmStartMs: number }> {
  const dataFolder = join(workshop.folder, 'data');
  let running = await startGateway(workshop, { sandbox, dataFolder });
  const coldStartMs = running.startMs;
  const { origin } = ourTarget(running, '');
  const secret = await prepareGateway(origin, { dataFolder, authJson: sandbox.authJson });
  const warmMs: number[] = [];
  for (let start = 0; start < warmStarts; start += 1) {
    await running.stop();
    running = await startGateway(workshop, { sandbox, dataFolder });
    warmMs.push(running.startMs);
  }
  return { running, secret, coldStartMs, warmStartMs: median(warmMs) };
}

/** How much of the machine was used by anything that is not part of this run. */
async function watchOthers(): Promise<{ share(): Promise<number> }> {
  const read = async () => ({
    busyMs: readBusyMs(),
    ownMs: (await readCpuMs(process.pid)) + (await readDescendantsCpuMs(process.pid)),
    atMs: performance.now(),
  });
  const before = await read();
  return {
    async share() {
      const after = await read();
      const allMs = (after.atMs - before.atMs) * readMachine().cores;
      return Math.max(0, (after.busyMs - before.busyMs - (after.ownMs - before.ownMs)) / allMs);
    },
  };
}
