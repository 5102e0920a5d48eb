/** `serve`: the same server that `npm start` runs. */
import type { Command } from 'commander';
import { runServer } from '../run-server.ts';
import type { Cli } from './cli.ts';

export function addServeCommand(program: Command, cli: Cli): void {
  program
    .command('serve')
    .helpGroup('Run it:')
    .description('Start the server and keep it running until Ctrl-C')
    .action(async () => cli.setExitCode(await runServer(cli.readEnvironment())));
}
