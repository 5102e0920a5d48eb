/** Work that is done again and again while the process lives. Never twice at once, and a failure waits for the next turn. */
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';

export interface RepeatingWork {
  readonly name: string;
  /** From the end of one run to the start of the next. */
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
}

/** Begins the first run after one interval. `stop` waits for a run under way. */
export function startRepeating(
  work: RepeatingWork,
  { clock, log }: { clock: Clock; log: Log },
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const timer = clock.timer(work.everyMs, () => {
    running = work
      .run()
      .then(
        () => undefined,
        (error: unknown) => log.error('repeating_work_failed', { name: work.name, ...errorFacts(error) }),
      )
      .then(() => {
        if (!isStopped) timer.restart();
      });
  });
  return {
    async stop() {
      isStopped = true;
      timer.stop();
      await running;
    },
  };
}
