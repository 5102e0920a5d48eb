/** Removes what is old, and what has expired. */
import type { JobWork } from './job.ts';

/** At night nobody waits for the disk; an odd minute keeps clear of what others do on the hour. */
const atMinute = 3 * 60 + 17;
const expiredEveryMs = 60 * 60_000;

type Remove = (signal: AbortSignal) => Promise<number>;

/** @param remove removes what is older than it is to be kept */
export function removeOld(remove: Remove): JobWork {
  return { schedule: { kind: 'daily', atMinute }, run: remove };
}

/** @param remove removes what has its own end and is past it */
export function removeExpired(remove: Remove): JobWork {
  return { schedule: { kind: 'every', everyMs: expiredEveryMs }, run: remove };
}
