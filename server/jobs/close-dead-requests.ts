/** Closes the requests of processes that ended without closing them. */
import type { JobWork } from './job.ts';

/** Within a minute of a crash whatever was left open is closed (demand spec 3.3), so half of that. */
const everyMs = 30_000;

/** @param sweep closes what dead processes left open, and says how much that was */
export function closeDeadRequests(sweep: () => Promise<number>): JobWork {
  return { schedule: { kind: 'every', everyMs }, run: sweep };
}
