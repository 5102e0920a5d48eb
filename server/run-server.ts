/** Runs the headless server from start to stop: environment → app → serve → stop on a signal. */
import { createApp } from './app.ts';
import { StartProblem } from './data-folder/start-problem.ts';
import { environmentExitCode, renderEnvironmentProblems, type EnvironmentReading } from './environment.ts';
import { createLog, errorFacts } from './observe/log.ts';
import { takeTurn } from './take-turn.ts';
import { version } from './version.ts';
import { createNetwork } from './world/network.ts';
import { systemClock, systemMemoryBytes, systemRandom } from './world/real-world.ts';

/** A command of the command line, or a server that stops, may hold the data folder for a moment. */
const folderLimitMs = 10_000;

/** Within this time a signal is the same again: the terminal tells the server as well as npm, which passes it on. */
const sameSignalMs = 1_000;

/** `EX_SOFTWARE` of `sysexits.h`. What a crash leaves open is closed by the sweep of the next start. */
const crashExitCode = 70;

/** @returns the exit code, once the server has stopped. What went wrong has been said on standard error. */
export async function runServer(reading: EnvironmentReading): Promise<number> {
  if (!reading.ok) {
    process.stderr.write(`${renderEnvironmentProblems(reading.problems)}\n`);
    return environmentExitCode;
  }
  const { config, secrets } = reading;
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat ?? (process.stderr.isTTY ? 'text' : 'json'),
  });
  for (const name of config.ignoredNames) log.info('variable_without_effect', { name });
  for (const name of config.unknownNames) log.warn('variable_unknown', { name });
  // Node's own report would print the error's message, which may quote what somebody wrote.
  for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(kind, (error: unknown) => {
      log.error('crashed', { reason: kind, ...errorFacts(error) });
      process.exit(crashExitCode);
    });
  }
  const network = createNetwork();
  const told = listenForStop();
  const world = { clock: systemClock, random: systemRandom, log, network, memoryBytes: systemMemoryBytes() };
  const open = () => createApp({ config, secrets, world });
  try {
    const turn = await takeTurn(config.dataFolder, {
      clock: systemClock,
      limitMs: folderLimitMs,
      open,
      answers: async () => true,
    });
    // Opening a folder on which a server answers says so, with its process and address.
    const app = turn.kind === 'opened' ? turn.opened : await open();
    try {
      const { url, port } = await app.serve();
      log.info('ready', { url, port, version, mode: config.mode, dataFolder: config.dataFolder });
      // A supervisor that forked us waits for this one message.
      process.send?.({ ready: true, url, port });
      log.info('stopping', { signal: await told.toStop });
      void told.toHurry.then(app.hurry);
    } finally {
      await app.stop();
    }
    log.info('stopped');
    return 0;
  } catch (error) {
    if (error instanceof StartProblem) {
      process.stderr.write(`\n${error.sentence}\n`);
      return error.exitCode;
    }
    log.error('start_failed', errorFacts(error));
    return 1;
  } finally {
    await network.stop();
  }
}

/** The first signal stops; one more, from somebody who will not wait, ends what still runs. */
function listenForStop(): { readonly toStop: Promise<NodeJS.Signals>; readonly toHurry: Promise<void> } {
  const stop = Promise.withResolvers<NodeJS.Signals>();
  const hurry = Promise.withResolvers<void>();
  let firstMs: number | null = null;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop.resolve(signal);
      firstMs ??= systemClock.monotonicMs();
      if (systemClock.monotonicMs() - firstMs > sameSignalMs) hurry.resolve();
    });
  }
  return { toStop: stop.promise, toHurry: hurry.promise };
}
