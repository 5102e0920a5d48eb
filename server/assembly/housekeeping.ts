/** Recurring work: every kind with what it does, and the runner that does it. */
import { renewDueTokens } from '../accounts/refresh-ahead.ts';
import type { Config } from '../environment.ts';
import { listJobs } from '../jobs/index.ts';
import type { Job } from '../jobs/job.ts';
import { createJobQueue } from '../jobs/job-queue.ts';
import { createJobRunner, type JobRunner } from '../jobs/run-jobs.ts';
import type { Storage } from '../open-storage.ts';
import { sweepDeadProcesses } from '../usage/sweep.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';
import type { Provider } from './provider.ts';

export interface Housekeeping {
  readonly jobs: readonly Job[];
  readonly runner: JobRunner;
  /** Closes what dead processes left open; a start does so before it serves. */
  sweep(): Promise<number>;
}

export function createHousekeeping(
  { database }: Storage,
  { config, world, books, provider }: { config: Config; world: World; books: Books; provider: Provider },
): Housekeeping {
  const { clock, log } = world;
  const { db, pool } = database;
  const { processNumber } = books;
  const sweep = () => sweepDeadProcesses({ db, pool, clock, log, processNumber });
  const jobs = listJobs({
    sweep,
    renewDueTokens: (signal) => renewDueTokens({ db, keeper: provider.tokens, clock }, signal),
    readOldModels: (signal) => provider.freshness.readOld(signal),
  });
  const roles = rolesOf(config.mode);
  const queue = createJobQueue({ pool, clock, log, supervises: roles.schedules });
  const { jobLimit: limit, jobGraceMs: graceMs } = config;
  const runner = createJobRunner({ db, queue, jobs, clock, log, processNumber, roles, limit, graceMs });
  return { jobs, runner, sweep };
}

function rolesOf(mode: Config['mode']): { schedules: boolean; works: boolean } {
  return { schedules: mode === 'all' || mode === 'scheduler', works: mode === 'all' || mode === 'worker' };
}
