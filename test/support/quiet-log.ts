/** Logs for tests. */
import type { Log, LogFacts } from '../../server/world/world.ts';

/** Drops everything. */
export const quietLog: Log = { debug: drop, info: drop, warn: drop, error: drop };

function drop(): void {
  return;
}

export interface LoggedEvent {
  readonly level: keyof Log;
  readonly event: string;
  readonly facts: LogFacts;
}

/** Keeps what was logged, and lets a test wait for an event by name. */
export function keepingLog(): Log & {
  readonly events: readonly LoggedEvent[];
  logged(event: string): Promise<LoggedEvent>;
} {
  const events: LoggedEvent[] = [];
  const waiting: { event: string; resolve: (found: LoggedEvent) => void }[] = [];
  const keep =
    (level: keyof Log) =>
    (event: string, facts: LogFacts = {}): void => {
      const entry = { level, event, facts };
      events.push(entry);
      for (const waiter of waiting.splice(0)) {
        if (waiter.event === event) waiter.resolve(entry);
        else waiting.push(waiter);
      }
    };
  return {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    events,
    logged(event) {
      const found = events.find((entry) => entry.event === event);
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ event, resolve }));
    },
  };
}
