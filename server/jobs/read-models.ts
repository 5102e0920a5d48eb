/** Reads model lists that were read long ago. */
import type { JobWork } from './job.ts';

/** Lists are old after half an hour; looking more often than that keeps them from growing much older. */
const everyMs = 5 * 60_000;

/** @param readOld reads the lists that are old, one account after the other */
export function readModels(readOld: (signal: AbortSignal) => Promise<number>): JobWork {
  return { schedule: { kind: 'every', everyMs }, run: readOld };
}
