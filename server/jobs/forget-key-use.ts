/** Removes sums of what keys used that no limit looks at any more. */
import type { Job } from './job.ts';

/** A busy key leaves up to 3 600 sums an hour, which this keeps to a few hours of them. */
const everyMs = 30 * 60_000;

/** @param forget removes them, and says how many they were */
export function forgetKeyUse(forget: () => Promise<number>): Job {
  return { name: 'forget_key_use', schedule: { kind: 'every', everyMs }, run: forget };
}
