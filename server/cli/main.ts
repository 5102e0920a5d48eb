#!/usr/bin/env node
/** The entry of the command line `codex-pooler`. */
import { homedir } from 'node:os';
import { readProcessEnvironment } from '../read-process-environment.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { runCommandLine } from './run-command-line.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), {
  terminal: processTerminal(),
  clock: systemClock,
  random: systemRandom,
  platform: process.platform,
  home: homedir(),
  folder: startingFolder(),
  readEnvironment: readProcessEnvironment,
});

/** `npm run cli` moves to the package first, and says where the person was. */
function startingFolder(): string {
  const { npm_lifecycle_event: script, INIT_CWD: before } = process.env;
  return script === 'cli' && before ? before : process.cwd();
}
