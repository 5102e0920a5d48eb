/** Renews tokens before they expire, so that no request meets a dead one. */
import type { Job } from './job.ts';

/** How often the facts are looked at; who is due then, the accounts' own rules say. */
const everyMs = 60_000;

/** @param renewDue renews every account that is due, one after the other */
export function refreshTokens(renewDue: (signal: AbortSignal) => Promise<number>): Job {
  return { name: 'refresh_tokens', schedule: { kind: 'every', everyMs }, run: renewDue };
}
