/** What every command works with: the terminal, the environment, the endpoints, and one way to show a result. */
import { resolve } from 'node:path';
import type { Config, EnvironmentReading, Secrets } from '../environment.ts';
import { createLog } from '../observe/log.ts';
import { createNetwork } from '../world/network.ts';
import { systemMemoryBytes } from '../world/real-world.ts';
import type { World } from '../world/world.ts';
import { openEndpoints, type OpenEndpoints } from './call-endpoint.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';
import type { Terminal } from './terminal.ts';

/** Where a command line runs. The entry passes the real things in. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly clock: World['clock'];
  readonly random: World['random'];
  readonly platform: NodeJS.Platform;
  /** The user's home folder; reports leave it out of paths. */
  readonly home: string;
  /** Folder that relative paths start from. */
  readonly folder: string;
  readonly readEnvironment: () => EnvironmentReading;
}

/** What a command did: a document for scripts, and the same for people. */
export interface Shown {
  readonly json: unknown;
  /** Ends in a line break. */
  readonly text: string;
  /** 0 when absent. */
  readonly exitCode?: number;
}

export interface Cli extends Surroundings {
  readonly resolvePath: (path: string) => string;
  show(result: Shown): void;
  /** The environment, when nothing is wrong with it. @throws {CommandProblem} `environment_invalid`. */
  environment(): { config: Config; secrets: Secrets };
  /** Runs a piece of work with the outside of this process; its connections end with it. */
  withWorld<Result>(work: (world: World, interruptible: Interruptible) => Promise<Result>): Promise<Result>;
  /** Runs a piece of work with the endpoints of this installation, and lets go of them afterwards. */
  withEndpoints<Result>(work: (endpoints: OpenEndpoints, config: Config) => Promise<Result>): Promise<Result>;
  exitCode(): number;
  setExitCode(code: number): void;
}

/**
 * Waits for a promise, and rejects when somebody presses Ctrl-C first. What was opened before is then closed in good
 * order by whoever opened it: a token being renewed is stored, a database of our own is stopped.
 */
export type Interruptible = <Result>(work: Promise<Result>) => Promise<Result>;

export interface CliOptions {
  /** One JSON document on standard output instead of text. */
  readonly json: boolean;
  /** The log on standard error. */
  readonly verbose: boolean;
}

export function createCli(surroundings: Surroundings, options: CliOptions): Cli {
  const { terminal, clock, random, folder, readEnvironment } = surroundings;
  let exitCode = 0;

  function environment(): { config: Config; secrets: Secrets } {
    const reading = readEnvironment();
    if (reading.ok) return reading;
    const problems = reading.problems.map(({ name, rule }) => `${name} ${rule}`).join('; ');
    throw new CommandProblem('environment_invalid', {
      sentence: `The environment variables are not right: ${problems}.`,
      exitCode: exitCodes.configuration,
    });
  }

  async function withWorld<Result>(
    work: (world: World, interruptible: Interruptible) => Promise<Result>,
  ): Promise<Result> {
    const { config } = environment();
    const network = createNetwork();
    // What a command has to say it says itself; the log of the parts it runs on is for those who ask for it.
    const log = createLog({ level: options.verbose ? config.logLevel : 'error', format: 'text' });
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => undefined);
    const forget = terminal.onInterrupt(() => interrupted.reject(interruption()));
    try {
      return await work({ clock, random, log, network, memoryBytes: systemMemoryBytes() }, (each) =>
        Promise.race([each, interrupted.promise]),
      );
    } finally {
      forget();
      await network.stop();
    }
  }

  return {
    ...surroundings,
    environment,
    withWorld,
    resolvePath: (path) => resolve(folder, path),
    show(result) {
      terminal.write(options.json ? `${JSON.stringify(result.json, null, 2)}\n` : result.text);
      exitCode = result.exitCode ?? 0;
    },
    withEndpoints: (work) =>
      withWorld(async (world, interruptible) => {
        const { config, secrets } = environment();
        const endpoints = await openEndpoints({ config, secrets, world });
        try {
          return await interruptible(work(endpoints, config));
        } finally {
          await endpoints.stop();
        }
      }),
    exitCode: () => exitCode,
    setExitCode: (code) => void (exitCode = code),
  };
}

function interruption(): CommandProblem {
  return new CommandProblem('interrupted', {
    sentence: 'Interrupted. What was under way may be done or not.',
    exitCode: exitCodes.interrupted,
  });
}
