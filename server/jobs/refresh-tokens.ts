/** Renews tokens before they expire, so that no request meets a dead one. */
import type { JobWork } from './job.ts';

/** How often the facts are looked at; who is due then, the accounts' own rules say. */
const everyMs = 60_000;

/** @param renewDue renews every account that is due, one after the other */
export function refreshTokens(renewDue: (signal: AbortSignal) => Promise<number>): JobWork {
  return { schedule: { kind: 'every', everyMs }, run: renewDue };
}
