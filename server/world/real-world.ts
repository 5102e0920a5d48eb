/** The real outside: system clock, system randomness, the machine's memory. Log and network are made elsewhere and joined in `app.ts`. */
import { randomBytes, randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';
import { setImmediate as nextTurnOfLoop, setTimeout as sleepFor } from 'node:timers/promises';
import type { Clock, Random } from './world.ts';

/** The system clock. Its timers are unreferenced: waiting never keeps a stopping process alive. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  // Linux stops it in sleep; elsewhere that depends on the version of the system.
  countsSleep: process.platform !== 'linux',
  sleep: (ms, signal) => sleepFor(ms, undefined, signal ? { signal } : undefined),
  turn: () => nextTurnOfLoop(),
  timer(ms, fire) {
    const timeout = setTimeout(fire, ms);
    timeout.unref();
    return { restart: () => void timeout.refresh(), stop: () => clearTimeout(timeout) };
  },
};

/** The operating system's random source. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  id: () => randomUUID(),
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
};

/** The machine's memory, or the container's where that is less. Where no limit is known the system says 0. */
export function systemMemoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}
