/** Keeps what is known of the accounts' limits fresh. */
import type { JobWork } from './job.ts';

/** How often the facts are looked at; who is due then, the accounts' own rules say. */
const everyMs = 60_000;

/** @param probeDue asks about every account that is due, a few at a time */
export function probeLimits(probeDue: (signal: AbortSignal) => Promise<number>): JobWork {
  return { schedule: { kind: 'every', everyMs }, run: probeDue };
}
