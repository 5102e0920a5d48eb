/**
 * Notices that the machine slept: the wall clock went on without the other one, or a timer came much too late. A person
 * who sets the clock ahead looks the same from here, and what follows does no harm then.
 */
import type { Clock, Log } from '../world/world.ts';

export interface Wake {
  readonly sleptMs: number;
  /** The last moment that was certainly before the sleep, in monotonic milliseconds. */
  readonly sinceMs: number;
}

const beatMs = 1_000;
/** Shorter sleeps break nothing; a busy process or a clock that is put right by and by must not look like one. */
const leastSleepMs = 10_000;
const leastLateMs = 30_000;

/** Looks every second until stopped. */
export function watchForWake({ clock, log, onWake }: { clock: Clock; log: Log; onWake: (wake: Wake) => void }): {
  stop(): void;
} {
  let last = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
  const timer = clock.timer(beatMs, () => {
    const now = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
    const ranMs = now.monotonicMs - last.monotonicMs;
    const jumpedMs = now.wallMs - last.wallMs - ranMs;
    const sleptMs = jumpedMs >= leastSleepMs ? jumpedMs : clock.countsSleep && ranMs >= leastLateMs ? ranMs : 0;
    const sinceMs = last.monotonicMs;
    last = now;
    timer.restart();
    if (jumpedMs <= -leastSleepMs) log.warn('clock_set_back', { durationMs: Math.round(-jumpedMs) });
    if (sleptMs === 0) return;
    log.info('woke_up', { durationMs: Math.round(sleptMs) });
    onWake({ sleptMs, sinceMs });
  });
  return timer;
}
