/** Handlers of the job endpoints. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import type { jobs as endpoints } from '../contract/jobs.ts';
import type { JobName } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import type { Job } from './job.ts';
import { selectJobRuns } from './job-run-store.ts';
import { jobStateOf, type JobRunner } from './run-jobs.ts';

export interface JobsApiParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly jobs: readonly Job[];
  readonly runner: Pick<JobRunner, 'runNow'>;
}

/** @example const handlers = createJobsApi({ db, clock, jobs, runner }); */
export function createJobsApi({ db, clock, jobs, runner }: JobsApiParts): Handlers<typeof endpoints> {
  async function states() {
    const runs = new Map((await selectJobRuns(db)).map((run) => [run.name, run]));
    const now = clock.now();
    return jobs.map((job) => jobStateOf(job, { last: runs.get(job.name), now }));
  }

  return {
    list: async () => ({ jobs: await states() }),
    async run({ name }: { name: JobName }) {
      const isOver = await runner.runNow(name);
      return { job: (await states()).find((job) => job.name === name)!, isOver };
    },
  };
}
