/** Resident memory of a process over time: at rest, and the most while something goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readResidentBytes } from './process-figures.ts';
import { median } from './statistics.ts';

const lookEveryMs = 50;
const readings = 5;

/** The middle of a few readings. */
export async function residentAtRest(pid: number): Promise<number> {
  const sizes: number[] = [];
  for (let reading = 0; reading < readings; reading += 1) {
    sizes.push(await readResidentBytes(pid));
    await sleep(lookEveryMs);
  }
  return median(sizes);
}

/** Looks until it is stopped. @returns the most seen; NaN where the system does not tell. */
export function watchMost(pid: number): { stop(): Promise<number> } {
  let most = Number.NaN;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const value = await readResidentBytes(pid);
      if (Number.isNaN(most) || value > most) most = value;
      await sleep(lookEveryMs);
    }
  })();
  return {
    async stop() {
      over.abort();
      await watching;
      return most;
    },
  };
}
