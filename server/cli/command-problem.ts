/** Why a command of the command line did nothing, in words a person can act on. */
import { ZodError } from 'zod';
import { GatewayError } from '../contract/gateway-error.ts';
import { StartProblem } from '../data-folder/start-problem.ts';
import { NetworkFault } from '../world/world.ts';

/** Exit codes beside those of `StartProblem`, by `sysexits.h` where it has one. */
export const exitCodes = {
  /** Understood, and refused: no such account, a file that is none. */
  refused: 1,
  /** The words of the command line were not understood (`EX_USAGE`). */
  usage: 64,
  /** A fault of ours (`EX_SOFTWARE`). */
  internal: 70,
  /** A later call may succeed by itself (`EX_TEMPFAIL`). */
  later: 75,
  /** The environment or the installation must be mended first (`EX_CONFIG`). */
  configuration: 78,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export class CommandProblem extends Error {
  readonly code: string;
  /** What happened and what to do. */
  readonly sentence: string;
  readonly exitCode: number;

  constructor(code: string, options: { sentence: string; exitCode?: number; cause?: unknown }) {
    super(options.sentence, { cause: options.cause });
    this.name = 'CommandProblem';
    this.code = code;
    this.sentence = options.sentence;
    this.exitCode = options.exitCode ?? exitCodes.refused;
  }
}

/** Any error as a problem. The message of an unexpected one is left out: it may quote what it choked on. */
export function toCommandProblem(error: unknown): CommandProblem {
  if (error instanceof CommandProblem) return error;
  if (error instanceof StartProblem) {
    const { code, sentence, exitCode } = error;
    return new CommandProblem(code, { sentence, exitCode, cause: error });
  }
  if (error instanceof GatewayError) return new CommandProblem(error.code, { sentence: error.sentence, cause: error });
  if (error instanceof NetworkFault) {
    return new CommandProblem('server_silent', {
      sentence:
        'The server did not answer, so it is not certain whether it did what was asked. Look, and try again if need be.',
      exitCode: exitCodes.later,
      cause: error,
    });
  }
  if (error instanceof ZodError) {
    return new CommandProblem('answer_not_understood', {
      sentence: "The server's answer was not understood. It may run another version: restart it with this one.",
      cause: error,
    });
  }
  return new CommandProblem('internal_error', {
    sentence: 'Something went wrong inside this command.',
    exitCode: exitCodes.internal,
    cause: error,
  });
}
