/** Asks before something is done that cannot be undone. */
import { CommandProblem } from './command-problem.ts';
import type { Terminal } from './terminal.ts';

/**
 * @param options.deed what will happen, as a sentence.
 * @throws {CommandProblem} `confirmation_needed` where nobody can answer, `not_confirmed` for any answer but yes.
 */
export async function confirm(terminal: Terminal, options: { yes: boolean; deed: string }): Promise<void> {
  if (options.yes) return;
  if (!terminal.ask) {
    throw new CommandProblem('confirmation_needed', {
      sentence: `${options.deed} This cannot be undone: add --yes to do it without being asked.`,
    });
  }
  const answer = await terminal.ask(`${options.deed} This cannot be undone. Go on? (y/N) `);
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new CommandProblem('not_confirmed', { sentence: 'Nothing was changed.' });
  }
}
