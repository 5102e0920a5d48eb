/** `--profile SCENARIO`: where our server spends its processor time in one scenario, and what Postgres adds. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readCpuProfile, type Cost, type CpuProfile } from './cpu-profile.ts';
import { prepareGateway, startGateway } from './gateway.ts';
import { startLoader } from './loader.ts';
import { jobOf } from './measure-rounds.ts';
import { milliseconds, percent, perSecond } from './number-texts.ts';
import { readCpuMs, readDescendantsCpuMs } from './process-figures.ts';
import { openStreams, type Scenario } from './scenarios.ts';
import { renderText, type Table } from './table.ts';
import { ourTarget, startSandbox } from './targets.ts';
import type { Workshop } from './workshop.ts';

const warmUpMs = 3_000;
const shownFunctions = 30;
/** Fine enough for functions of a few microseconds, coarse enough to leave their share alone. */
const intervalMicroseconds = 500;

export interface ProfileOptions {
  readonly scenario: Scenario;
  /** How long it is kept under load while the profile counts. */
  readonly ms: number;
  readonly print: (text: string) => void;
  /** Where the profile is kept for other tools to open; nowhere when absent. */
  readonly saveTo?: string | undefined;
}

/** @returns sentences about failed requests; none in a good run. */
export async function profileGateway(
  workshop: Workshop,
  { scenario, ms, print, saveTo }: ProfileOptions,
): Promise<string[]> {
  const sandbox = await startSandbox(workshop);
  const loader = await startLoader(workshop);
  const dataFolder = join(workshop.folder, 'data');
  const profiles = join(workshop.folder, 'profiles');
  mkdirSync(profiles);

  const first = await startGateway(workshop, { sandbox, dataFolder });
  const secret = await prepareGateway(ourTarget(first, '').origin, { dataFolder, authJson: sandbox.authJson });
  await first.stop();
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-interval=${intervalMicroseconds}`];
  const running = await startGateway(workshop, { sandbox, dataFolder, nodeFlags });
  const target = ourTarget(running, secret);
  const isPaced = scenario.paceMs > 0;
  const loadFor = (loadMs: number) =>
    loader.run(
      jobOf(
        { scenario, target },
        {
          connections: isPaced ? openStreams : scenario.connections,
          until: { ms: loadMs },
          rampMs: scenario.paceMs,
        },
      ),
    );

  await loadFor(warmUpMs);
  const from = microseconds();
  const before = { own: await readCpuMs(running.pid), database: await readDescendantsCpuMs(running.pid) };
  const result = await loadFor(ms);
  const after = { own: await readCpuMs(running.pid), database: await readDescendantsCpuMs(running.pid) };
  const to = microseconds();
  await running.stop();

  const answers = result.totalMs.length;
  const own = (after.own - before.own) / answers;
  const database = (after.database - before.database) / answers;
  print(
    [
      `${scenario.title}: ${perSecond(answers)} answers in ${milliseconds(result.elapsedMs / 1000)} s with the profiler on.`,
      `CPU per answer: server ${milliseconds(own)} ms, Postgres ${milliseconds(database)} ms (${percent(database / (own + database))} of both).`,
      '',
    ].join('\n'),
  );
  const text = await readProfile(profiles);
  if (saveTo !== undefined) await writeFile(saveTo, text);
  const summary = readCpuProfile(JSON.parse(text) as CpuProfile, {
    window: { from, to },
    root: `${pathToFileURL(process.cwd()).href}/`,
  });
  print(renderText(costTable('By part, without what it calls', { costs: summary.parts, answers })));
  print(renderText(costTable('By function, without what it calls', { costs: summary.self, answers })));
  print(renderText(costTable('Our functions, with all they call', { costs: summary.inclusive, answers })));
  return result.failures > 0 ? [`${result.failures} requests failed, first: ${result.firstFailure ?? 'unknown'}`] : [];
}

/** The profile's clock is the system's monotonic one, the same in all processes of a machine. */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Node writes the file when it ends. Other threads' profiles would be smaller than the main thread's. */
async function readProfile(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const largest = texts.toSorted((one, other) => other.length - one.length)[0];
  if (largest === undefined) throw new Error('the server wrote no profile');
  return largest;
}

function costTable(title: string, { costs, answers }: { costs: readonly Cost[]; answers: number }): Table {
  return {
    title,
    columns: [
      { title: 'share', align: 'right' },
      { title: 'µs/answer', align: 'right' },
      { title: 'where', align: 'left' },
    ],
    rows: costs
      .slice(0, shownFunctions)
      .map(({ name, ms, share }) => [`${(share * 100).toFixed(1)} %`, ((ms * 1000) / answers).toFixed(1), name]),
  };
}
