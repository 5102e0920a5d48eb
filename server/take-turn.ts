/**
 * One process at a time works on a data folder. A server stays there; a command of the command line is gone in a
 * moment, and so is the time in which a server starts or stops. This waits for such moments to pass.
 */
import { askRunningInstance } from './data-folder/ask-running-instance.ts';
import { StartProblem, systemCodeOf } from './data-folder/start-problem.ts';
import type { Clock } from './world/world.ts';

/** Short for a person, long beside the milliseconds one question takes. */
const askAgainMs = 100;

export interface ServingInstance {
  readonly pid: number | null;
  /** Where it answers, as it says itself. */
  readonly url: string;
}

export type Turn<Opened> =
  | { readonly kind: 'opened'; readonly opened: Opened }
  /** A server works there and answers. */
  | { readonly kind: 'served'; readonly instance: ServingInstance };

export interface TurnOptions<Opened> {
  readonly clock: Clock;
  /** How long another process may hold the folder without answering as a server. */
  readonly limitMs: number;
  /** Opens the folder; `other_instance` means that somebody else was faster. */
  readonly open: () => Promise<Opened>;
  /** Does the server at this address take requests? One that is just stopping does not. */
  readonly answers: (url: string) => Promise<boolean>;
}

/** @throws {StartProblem} those of `open`; `folder_not_writable` when the folder belongs to another user. */
export async function takeTurn<Opened>(dataFolder: string, options: TurnOptions<Opened>): Promise<Turn<Opened>> {
  const { clock, limitMs, open, answers } = options;
  const deadlineMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const running = await whoIsThere(dataFolder);
    if (running?.url && (await answers(running.url))) {
      return { kind: 'served', instance: { pid: running.pid, url: running.url } };
    }
    const isLate = clock.monotonicMs() >= deadlineMs;
    if (!running || isLate) {
      try {
        return { kind: 'opened', opened: await open() };
      } catch (error) {
        const isTaken = error instanceof StartProblem && error.code === 'other_instance';
        if (!isTaken || isLate) throw error;
      }
    }
    await clock.sleep(askAgainMs);
  }
}

async function whoIsThere(dataFolder: string) {
  try {
    return await askRunningInstance(dataFolder);
  } catch (error) {
    const code = systemCodeOf(error);
    // Whatever else is wrong with the folder, opening it finds the words for.
    if (code !== 'EACCES' && code !== 'EPERM') return null;
    throw new StartProblem('folder_not_writable', {
      sentence: `The data folder ${dataFolder} belongs to another user. Run this as the user who runs the server, or name another folder in CODEX_POOLER_DATA_DIR.`,
      cause: error,
    });
  }
}
