/** A clock that can be set forward and tells when somebody starts to wait for an unusual time: how a test sees waiting. */
import { createMovableClock, type MovableClock } from '../../server/sandbox/movable-clock.ts';
import type { Clock } from '../../server/world/world.ts';

export interface WatchedClock extends MovableClock {
  /** Resolves once so many timers of exactly this length were started, all in all. */
  timersOf(ms: number, count: number): Promise<void>;
  /** How many timers of exactly this length neither fired nor were stopped since they were last started. */
  waitingOf(ms: number): number;
}

export function createWatchedClock(base: Clock): WatchedClock {
  const clock = createMovableClock(base);
  const counts = new Map<number, number>();
  const alive = new Set<{ readonly ms: number }>();
  let waiting: { readonly ms: number; readonly count: number; readonly resolve: () => void }[] = [];
  const isReached = ({ ms, count }: { ms: number; count: number }) => (counts.get(ms) ?? 0) >= count;
  return {
    ...clock,
    timer(ms, fire) {
      const waits = { ms };
      alive.add(waits);
      const timer = clock.timer(ms, () => {
        alive.delete(waits);
        fire();
      });
      counts.set(ms, (counts.get(ms) ?? 0) + 1);
      const told = waiting.filter(isReached);
      waiting = waiting.filter((waiter) => !told.includes(waiter));
      for (const { resolve } of told) resolve();
      return {
        restart() {
          alive.add(waits);
          timer.restart();
        },
        stop() {
          alive.delete(waits);
          timer.stop();
        },
      };
    },
    waitingOf: (ms) => [...alive].filter((each) => each.ms === ms).length,
    timersOf: (ms, count) =>
      new Promise((resolve) => {
        if (isReached({ ms, count })) resolve();
        else waiting.push({ ms, count, resolve });
      }),
  };
}
