/**
 * Lines about calls that anybody can make, by the thousand and for nothing: so many a second are written, the others
 * counted and told of in one.
 */
import type { Clock, Log, LogFacts } from '../world/world.ts';

export interface LimitedLines {
  info(event: string, facts: LogFacts): void;
}

/** More than a person reads, and few enough that a day of them fits on a disk. */
export const linesPerSecond = 100;
const spanMs = 1_000;

export function limitLines({ clock, log }: { clock: Clock; log: Log }): LimitedLines {
  let beganMs = Number.NEGATIVE_INFINITY;
  let written = 0;
  let leftOut = 0;

  function begin(nowMs: number): void {
    beganMs = nowMs;
    written = 0;
  }

  /** Told at the end of its span, also when nothing follows. */
  function leaveOut(): void {
    leftOut += 1;
    if (leftOut > 1) return;
    clock.timer(spanMs, () => {
      log.warn('lines_left_out', { count: leftOut });
      leftOut = 0;
    });
  }

  return {
    info(event, facts) {
      const nowMs = clock.monotonicMs();
      if (nowMs - beganMs >= spanMs) begin(nowMs);
      written += 1;
      if (written <= linesPerSecond) log.info(event, facts);
      else leaveOut();
    },
  };
}
