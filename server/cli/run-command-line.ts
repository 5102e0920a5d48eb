/** Runs one command line from its words to its exit code. */
import { CommanderError } from 'commander';
import { errorFacts } from '../observe/log.ts';
import { createCli, type Surroundings } from './cli.ts';
import { CommandProblem, exitCodes, toCommandProblem } from './command-problem.ts';
import { createProgram, namedCommand } from './commands.ts';
import { printable } from './plain-text.ts';

/** Commander's code when it has printed the help in place of a command. */
const noCommand = 'commander.help';

/**
 * @param words what stands after the program's name.
 * @returns the exit code. Results went to standard output, refusals to standard error; with `--json` both are one JSON
 *   document on standard output.
 */
export async function runCommandLine(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const isGiven = (option: string) => words.includes(option);
  const json = isGiven('--json');
  const cli = createCli(surroundings, { json, verbose: isGiven('--verbose') });
  const program = createProgram(cli);
  try {
    await program.parseAsync(words, { from: 'user' });
    return cli.exitCode();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const problem =
      error instanceof CommanderError ? usageProblem(error, namedCommand(program, words)) : toCommandProblem(error);
    const { code, sentence, exitCode } = problem;
    if (json) cli.terminal.write(`${JSON.stringify({ error: { code, message: sentence } }, null, 2)}\n`);
    else if (!(error instanceof CommanderError && error.code === noCommand)) cli.terminal.complain(`${sentence}\n`);
    if (exitCode === exitCodes.internal) cli.terminal.complain(`${JSON.stringify(errorFacts(problem.cause))}\n`);
    return exitCode;
  }
}

/** @param command - The words of the command that was meant, as far as they are known; its help says how to call it. */
function usageProblem({ code, message }: CommanderError, command: string): CommandProblem {
  const text = code === noCommand ? 'No command was given.' : message.replace(/^error: /, '');
  const sentence = `${text.replace(/^./, (first) => first.toUpperCase())}\nSee: ${command} --help`;
  return new CommandProblem('usage', { sentence: printableLines(sentence), exitCode: exitCodes.usage });
}

/** The message quotes what was typed. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
