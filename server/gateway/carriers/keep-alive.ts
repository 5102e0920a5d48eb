/**
 * Keeps a waiting client's connection alive while the provider is silent. Codex counts only events: comments and pings
 * do not reset its idle timer (wire spec A7.6), so the keep-alive is an event, written only between whole blocks.
 */
import type { Clock } from '../../world/world.ts';

/** An event of a type that Codex clients ignore but count as life. */
export const codexKeepAlive = Buffer.from('event: keepalive\ndata: {"type":"keepalive"}\n\n');

/** The same over a websocket. */
export const keepAliveFrame = Buffer.from('{"type":"keepalive"}');

export interface KeepAlive {
  /** A real event was sent: the wait starts again. */
  rest(): void;
  stop(): void;
}

/** @param options.everyMs - Silence before each keep-alive; 0 turns it off. */
export function createKeepAlive({
  clock,
  everyMs,
  write,
}: {
  clock: Clock;
  everyMs: number;
  write: () => void;
}): KeepAlive {
  if (everyMs === 0) return { rest: () => undefined, stop: () => undefined };
  const timer = clock.timer(everyMs, () => {
    write();
    timer.restart();
  });
  return { rest: () => timer.restart(), stop: () => timer.stop() };
}
