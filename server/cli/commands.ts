/** THE list of commands, in the order in which `--help` shows them, and how that help is laid out. */
import { Command, type Help } from 'commander';
import { version } from '../version.ts';
import { addAccountCommands } from './account.ts';
import type { Cli } from './cli.ts';
import { isCommandGroup } from './command-group.ts';
import { addConfigCheckCommand } from './config-check.ts';
import { addDoctorCommand } from './doctor.ts';
import { addEnvInitCommand } from './env-init.ts';
import { addJobCommands } from './job.ts';
import { addKeyCommands } from './key.ts';
import { addLimitCommands } from './limit.ts';
import { addMigrateCommands } from './migrate.ts';
import { addPoolCommands } from './pool.ts';
import { addRequestCommands, addRouteCommands } from './request.ts';
import { addPriceCommands } from './price.ts';
import { addRetentionCommands } from './retention.ts';
import { addServeCommand } from './serve.ts';
import { addSettingsCommands } from './settings.ts';

const groups = [
  addServeCommand,
  addMigrateCommands,
  addAccountCommands,
  addKeyCommands,
  addLimitCommands,
  addPoolCommands,
  addRequestCommands,
  addRouteCommands,
  addSettingsCommands,
  addJobCommands,
  addRetentionCommands,
  addPriceCommands,
  addConfigCheckCommand,
  addDoctorCommand,
  addEnvInitCommand,
] as const;

const closing = `
First steps:
  codex-pooler serve                               in one terminal, then in another
  codex-pooler account import ~/.codex/auth.json
  codex-pooler key create --name laptop            shows what Codex needs

Commands speak to the server that runs on the same data folder
(CODEX_POOLER_DATA_DIR), or do the work themselves when none runs.
Exit codes: 0 done, 1 refused, 64 not understood, 75 try later, 78 wrong setup.
`;

/** A program that knows every command. Parse errors are thrown as `CommanderError`; nothing calls `process.exit`. */
export function createProgram(cli: Cli): Command {
  const program = new Command('codex-pooler')
    .description('One address and one key for every Codex tool, served by all of your ChatGPT accounts.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help; also for one command')
    .helpCommand(false)
    .option('--json', 'print one JSON document, for scripts; errors too')
    .option('--verbose', 'show the log of what happens, on standard error')
    .addHelpText('after', closing)
    .configureHelp(layout)
    .configureOutput({
      writeOut: (text) => cli.terminal.write(text),
      writeErr: (text) => cli.terminal.complain(text),
      // Whoever catches the error says it, as text or as JSON.
      outputError: () => undefined,
    })
    .exitOverride();
  for (const add of groups) add(program, cli);
  // What it would suggest are the last words that the first page shows, and those are not commands by themselves.
  program.showSuggestionAfterError(false);
  return program;
}

/** The first page shows what can be done (`account import`), not only where to look on (`account`). */
const layout: Partial<Help> = {
  showGlobalOptions: true,
  visibleCommands: (command) => (command.parent ? [...command.commands] : command.commands.flatMap(leavesOf)),
  subcommandTerm: (command) => [...pathOf(command), ...argumentsOf(command)].join(' '),
};

/** @returns what a line names, from the program's name down to the last word that is a command: `codex-pooler key create`. */
export function namedCommand(program: Command, words: readonly string[]): string {
  let command = program;
  for (const word of words.filter((each) => !each.startsWith('-'))) {
    const next = command.commands.find((each) => each.name() === word);
    if (!next) break;
    command = next;
  }
  return [program.name(), ...pathOf(command)].join(' ');
}

function leavesOf(command: Command): Command[] {
  const below = command.commands.flatMap(leavesOf);
  return isCommandGroup(command) ? below : [command, ...below];
}

function pathOf(command: Command): string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [];
}

function argumentsOf(command: Command): string[] {
  return command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`));
}
