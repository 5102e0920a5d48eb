/** Fetches the price list, where an operator gave an address for one. */
import type { JobWork } from './job.ts';

/** Prices change by the month; an odd minute keeps clear of what others do on the hour. */
const atMinute = 4 * 60 + 41;

/** @param parts.fetch fetches the list and says how many models it prices */
export function readPrices({ fetch, isOn }: { fetch: () => Promise<number>; isOn: () => boolean }): JobWork {
  return { schedule: { kind: 'daily', atMinute }, isOn, run: fetch };
}
