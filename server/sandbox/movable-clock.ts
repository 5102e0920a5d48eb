/** A clock that runs like the one below it and can be set forward, so that a window resets without waiting for it. */
import type { Clock } from '../world/world.ts';

export interface MovableClock extends Clock {
  /** Sets the clock forward. Everything that comes due in that time happens at once. */
  advance(ms: number): void;
  /** Moves the wall clock alone, as a sleep of the machine does, or a person who sets it; timers notice nothing. */
  jumpWall(ms: number): void;
  /** Resolves when something waits for this clock; at once when something does already. */
  untilWaiting(): Promise<void>;
}

interface Wait {
  dueMs: number;
  readonly fire: () => void;
  /** The timer below, started anew with what is left to wait. */
  reschedule(): void;
  stop(): void;
}

export function createMovableClock(base: Clock): MovableClock {
  let offsetMs = 0;
  let wallOffsetMs = 0;
  const waits = new Set<Wait>();
  const wake: (() => void)[] = [];
  const monotonicMs = () => base.monotonicMs() + offsetMs;

  function timer(ms: number, fire: () => void) {
    let below = base.timer(ms, expire);
    const wait: Wait = {
      dueMs: monotonicMs() + ms,
      fire: expire,
      reschedule() {
        below.stop();
        below = base.timer(Math.max(0, wait.dueMs - monotonicMs()), expire);
      },
      stop: () => below.stop(),
    };
    waits.add(wait);
    for (const resolve of wake.splice(0)) resolve();
    function expire(): void {
      below.stop();
      waits.delete(wait);
      fire();
    }
    return {
      restart() {
        wait.dueMs = monotonicMs() + ms;
        waits.add(wait);
        wait.reschedule();
      },
      stop() {
        waits.delete(wait);
        below.stop();
      },
    };
  }

  return {
    now: () => new Date(base.now().getTime() + offsetMs + wallOffsetMs),
    monotonicMs,
    timer,
    turn: () => base.turn(),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const waiting = timer(ms, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        function abort(): void {
          waiting.stop();
          reject(signal?.reason);
        }
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
    untilWaiting: () => (waits.size > 0 ? Promise.resolve() : new Promise((resolve) => void wake.push(resolve))),
    jumpWall: (ms) => void (wallOffsetMs += ms),
    advance(ms) {
      offsetMs += ms;
      const inOrder = [...waits].toSorted((left, right) => left.dueMs - right.dueMs);
      for (const wait of inOrder) {
        // What came due before it may have stopped it.
        if (!waits.has(wait)) continue;
        if (wait.dueMs <= monotonicMs()) wait.fire();
        else wait.reschedule();
      }
    },
  };
}
