/** Removes sums of what keys used that no limit looks at any more. */
import type { JobWork } from './job.ts';

/** A busy key leaves up to 3 600 sums an hour, which this keeps to a few hours of them. */
const everyMs = 30 * 60_000;

/** @param forget removes them, and says how many they were */
export function forgetKeyUse(forget: () => Promise<number>): JobWork {
  return { schedule: { kind: 'every', everyMs }, run: forget };
}
