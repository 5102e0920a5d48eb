/**
 * When a kind of work is due, from its schedule and its last run. Pure. Deciding by the last run instead of by a list of
 * instants is what makes a machine that slept through a hundred of them catch up with one.
 */
import type { JobOutcome } from '../contract/vocabulary.ts';
import type { JobSchedule } from './job.ts';

export interface LastRun {
  readonly startedAt: Date;
  readonly outcome: JobOutcome;
  /** In a row. */
  readonly failures: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const firstRetryMs = 30_000;
/** A failing kind is still tried this often, so that it comes back soon after what it needs did. */
const leastLongestRetryMs = 5 * minuteMs;
const mostLongestRetryMs = 60 * minuteMs;

/** The instant from which the work should run; `now` when it never ran. */
export function nextRunAt(schedule: JobSchedule, { last, now }: { last: LastRun | null; now: Date }): Date {
  if (last === null) return now;
  // The clock was set back since: what was planned by the other time means nothing.
  if (last.startedAt.getTime() - now.getTime() > periodMs(schedule)) return now;
  const regular = regularAfter(schedule, last.startedAt);
  if (last.outcome !== 'failed') return regular;
  const retryMs = last.startedAt.getTime() + retryAfterMs(schedule, last.failures);
  return new Date(schedule.kind === 'daily' ? Math.min(retryMs, regular.getTime()) : retryMs);
}

/** 30 s, doubling with every failure in a row, up to the length of the schedule, but 5 min at least and 1 h at most. */
function retryAfterMs(schedule: JobSchedule, failures: number): number {
  const longestMs = Math.min(Math.max(periodMs(schedule), leastLongestRetryMs), mostLongestRetryMs);
  return Math.min(firstRetryMs * 2 ** Math.min(Math.max(failures - 1, 0), 20), longestMs);
}

function periodMs(schedule: JobSchedule): number {
  return schedule.kind === 'every' ? schedule.everyMs : dayMs;
}

function regularAfter(schedule: JobSchedule, startedAt: Date): Date {
  if (schedule.kind === 'every') return new Date(startedAt.getTime() + schedule.everyMs);
  const offsetMs = schedule.atMinute * minuteMs;
  const daysSince = Math.floor((startedAt.getTime() - offsetMs) / dayMs);
  return new Date((daysSince + 1) * dayMs + offsetMs);
}
