/**
 * What `doctor` knows: facts of this machine, the data folder and the installation, fit to be shown to a stranger who
 * helps. Paths lose the home folder; everything else is numbers, versions and words of closed lists.
 */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { system, type SystemReport } from '../contract/system.ts';
import { askRunningInstance, type RunningInstance } from '../data-folder/ask-running-instance.ts';
import type { Config, EnvironmentProblem } from '../environment.ts';
import { version } from '../version.ts';
import type { Cli } from './cli.ts';
import { toCommandProblem } from './command-problem.ts';
import { reachDatabase } from './reach-database.ts';

export interface DoctorReport {
  readonly program: { version: string; node: string; platform: string; arch: string };
  readonly environment: {
    readonly problems: readonly EnvironmentProblem[];
    /** Names that mean nothing here. */
    readonly ignoredNames: readonly string[];
    /** How many names look like ours and are not; the names themselves could be anything. */
    readonly unknownCount: number;
  };
  /** Null while the environment is not right; so is everything below. */
  readonly configuration: {
    readonly mode: Config['mode'];
    readonly port: number;
    readonly servesClients: boolean;
    readonly database: 'built in' | 'own';
    readonly usesRealProvider: boolean;
  } | null;
  readonly dataFolder: DataFolderFacts | null;
  readonly instance: RunningInstance | null;
  readonly report: SystemReport | null;
  /** Why there is no report. */
  readonly problem: { code: string; sentence: string } | null;
}

export interface DataFolderFacts {
  readonly path: string;
  readonly exists: boolean;
  readonly freeBytes: number | null;
  /** Files of ours that are there, with their modes, e.g. `600`. */
  readonly files: readonly { name: string; mode: string }[];
}

const fileNames = ['format.json', 'keys.json', 'admin-token', 'postgres.json', 'postgres'];
const databaseLimitMs = 5_000;
const realProvider = 'https://chatgpt.com';

export async function makeDoctorReport(cli: Cli): Promise<DoctorReport> {
  const reading = cli.readEnvironment();
  const program = {
    version,
    node: process.versions.node,
    platform: cli.platform,
    arch: process.arch,
  };
  if (!reading.ok) {
    const environment = { problems: reading.problems, ignoredNames: [], unknownCount: 0 };
    const problem = { code: 'environment_invalid', sentence: 'The environment variables are not right.' };
    const nothing = { configuration: null, dataFolder: null, instance: null, report: null };
    return { program, environment, ...nothing, problem };
  }
  const { config } = reading;
  const dataFolder = await lookAtFolder(config.dataFolder, cli.home);
  const instance = await askRunningInstance(config.dataFolder).catch(() => null);
  return {
    program,
    environment: {
      problems: [],
      ignoredNames: config.ignoredNames,
      unknownCount: config.unknownNames.length,
    },
    configuration: {
      mode: config.mode,
      port: config.port,
      servesClients: config.servesClients,
      database: config.embeddedDatabase ? 'built in' : 'own',
      usesRealProvider: config.upstreamUrl === realProvider,
    },
    dataFolder,
    instance,
    ...(await askForReport(cli, { isNew: !dataFolder.exists, isRunning: instance !== null })),
  };
}

async function askForReport(
  cli: Cli,
  { isNew, isRunning }: { isNew: boolean; isRunning: boolean },
): Promise<Pick<DoctorReport, 'report' | 'problem'>> {
  if (isNew) return { report: null, problem: { code: 'never_started', sentence: 'Nothing has run here yet.' } };
  try {
    // A start would wait half a minute for a database that is away; whoever asks a doctor need not.
    if (!isRunning) await pingDatabase(cli);
    const { report } = await cli.withEndpoints(({ call }) => call(system.report, {}));
    return { report, problem: null };
  } catch (error) {
    const { code, sentence } = toCommandProblem(error);
    return { report: null, problem: { code, sentence: withoutHome(sentence, cli.home) } };
  }
}

async function pingDatabase(cli: Cli): Promise<void> {
  const { config, secrets } = cli.environment();
  if (secrets.databaseUrl === null) return;
  await cli.withWorld(async (world) => {
    const database = await reachDatabase({ config, secrets, world }, { create: false, limitMs: databaseLimitMs });
    await database?.stop();
  });
}

async function lookAtFolder(path: string, home: string): Promise<DataFolderFacts> {
  const files: { name: string; mode: string }[] = [];
  for (const name of fileNames) {
    const found = await stat(join(path, name)).catch(() => null);
    if (found) files.push({ name, mode: (found.mode & 0o777).toString(8) });
  }
  const disk = await statfs(path).catch(() => null);
  return {
    path: withoutHome(path, home),
    exists: (await stat(path).catch(() => null))?.isDirectory() ?? false,
    freeBytes: disk && disk.bavail * disk.bsize,
    files,
  };
}

/** The home folder often carries its owner's name. */
function withoutHome(text: string, home: string): string {
  return home.length > 1 ? text.replaceAll(home, '~') : text;
}
