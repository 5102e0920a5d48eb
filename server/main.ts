/** The entry of the headless server: environment → app → serve → stop on a signal. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { createApp } from './app.ts';
import { StartProblem } from './data-folder/start-problem.ts';
import { environmentExitCode, readEnvironment, renderEnvironmentProblems } from './environment.ts';
import { createLog, errorFacts } from './observe/log.ts';
import { version } from './version.ts';
import { createNetwork } from './world/network.ts';
import { systemClock, systemRandom } from './world/real-world.ts';

await run();

async function run(): Promise<void> {
  const reading = readEnvironment({
    env: process.env,
    readFile: (path) => readFileSync(path),
    home: homedir(),
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
  });
  if (!reading.ok) {
    process.stderr.write(`${renderEnvironmentProblems(reading.problems)}\n`);
    process.exitCode = environmentExitCode;
    return;
  }
  const { config, secrets } = reading;
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat ?? (process.stderr.isTTY ? 'text' : 'json'),
  });
  for (const name of config.ignoredNames) log.info('variable_without_effect', { name });
  for (const name of config.unknownNames) log.warn('variable_unknown', { name });
  const network = createNetwork();
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.resolve(signal));
  try {
    const app = await createApp({ config, secrets, world: { clock: systemClock, random: systemRandom, log, network } });
    try {
      const { url, port } = await app.serve();
      log.info('ready', { url, port, version, mode: config.mode, dataFolder: config.dataFolder });
      // A supervisor that forked us waits for this one message.
      process.send?.({ ready: true, url, port });
      log.info('stopping', { signal: await stopped.promise });
    } finally {
      await app.stop();
    }
    log.info('stopped');
  } catch (error) {
    if (!(error instanceof StartProblem)) {
      log.error('start_failed', errorFacts(error));
      process.exitCode = 1;
    } else {
      process.stderr.write(`\n${error.sentence}\n`);
      process.exitCode = error.exitCode;
    }
  } finally {
    await network.stop();
  }
}
