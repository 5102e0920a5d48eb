/** Recurring work as the outside sees it: what there is, how it last went, when it is next. */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { JobName, JobOutcome } from './vocabulary.ts';

export const JobState = z.object({
  name: JobName,
  schedule: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('every'), everyMs: z.number() }),
    z.object({ kind: z.literal('daily'), atMinute: z.number().describe('minutes after midnight UTC') }),
  ]),
  /** False while settings leave it nothing to do. */
  isOn: z.boolean(),
  /** Of the last run; null when there was none. */
  outcome: JobOutcome.nullable(),
  startedAt: Instant.nullable(),
  finishedAt: Instant.nullable(),
  succeededAt: Instant.nullable(),
  problem: z.string().nullable().describe('class and code of the error of a failed run'),
  failures: z.number().int().describe('in a row'),
  doneCount: z.number().int().nullable().describe('how many things the last run did'),
  nextAt: Instant.nullable(),
});
export type JobState = z.infer<typeof JobState>;

export const jobs = {
  list: query('jobs.list', { input: z.object({}).strict(), output: z.object({ jobs: z.array(JobState) }) }),
  run: command('jobs.run', {
    input: z.object({ name: JobName }).strict(),
    output: z.object({
      job: JobState,
      isOver: z.boolean().describe('false while the run still waits or is under way'),
    }),
    audit: ['job.name', 'job.outcome', 'isOver'],
  }),
};
