/** Recurring work: every kind with what it does, and the runner that does it. */
import { probeDueLimits } from '../accounts/probe-limits.ts';
import { renewDueTokens } from '../accounts/refresh-ahead.ts';
import { insertAuditEvent } from '../audit/audit-store.ts';
import { forgetOldUse } from '../api-keys/limit-store.ts';
import { fetchPrices } from '../catalog/fetch-prices.ts';
import type { Config } from '../environment.ts';
import { listJobs } from '../jobs/index.ts';
import type { Job } from '../jobs/job.ts';
import { createJobQueue } from '../jobs/job-queue.ts';
import { createJobRunner, type JobRunner } from '../jobs/run-jobs.ts';
import type { Storage } from '../open-storage.ts';
import { removeRows, type RetentionPart } from '../retention/remove-rows.ts';
import { sweepDeadProcesses } from '../usage/sweep.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';
import type { Provider } from './provider.ts';

export interface Housekeeping {
  readonly jobs: readonly Job[];
  readonly runner: JobRunner;
  /** Closes what dead processes left open; a start does so before it serves. */
  sweep(): Promise<number>;
  /** Fetches the price list now. */
  readPrices(): Promise<number>;
}

export function createHousekeeping(
  { database }: Storage,
  { config, world, books, provider }: { config: Config; world: World; books: Books; provider: Provider },
): Housekeeping {
  const { clock, log } = world;
  const { db, pool } = database;
  const { processNumber } = books;
  const sweep = () => sweepDeadProcesses({ db, pool, clock, log, processNumber });
  const removeAs = async (part: RetentionPart, signal: AbortSignal) => {
    const removed = await removeRows({ db, clock, settings: () => books.settings.current() }, { part, signal });
    const count = Object.values(removed).reduce((sum, rows) => sum + rows, 0);
    // What has its own end goes every hour and was never a record of anybody's deeds.
    if (count > 0 && part === 'age') await insertAuditEvent(db, purgeEvent(removed, world));
    return count;
  };
  const pricesUrl = () => books.settings.current()['catalog.prices_url'];
  const readPrices = () => fetchPrices({ db, clock, network: world.network, book: books.prices, url: pricesUrl });
  const jobs = listJobs({
    prices: { fetch: readPrices, isOn: () => pricesUrl() !== '' },
    sweep,
    removeExpired: (signal) => removeAs('expiry', signal),
    removeOld: (signal) => removeAs('age', signal),
    renewDueTokens: (signal) => renewDueTokens({ db, keeper: provider.tokens, clock }, signal),
    forgetKeyUse: () => forgetOldUse(db, clock.now()),
    probeDueLimits: (signal) => probeDueLimits({ db, clock, log, reader: provider.reader }, signal),
    readOldModels: (signal) => provider.freshness.readOld(signal),
  });
  const roles = rolesOf(config.mode);
  const queue = createJobQueue({ pool, clock, log, supervises: roles.schedules });
  const { jobLimit: limit, jobGraceMs: graceMs } = config;
  const runner = createJobRunner({ db, queue, jobs, clock, log, processNumber, roles, limit, graceMs });
  return { jobs, runner, sweep, readPrices };
}

/** The one change that nobody asks for by hand must leave its trace too. */
function purgeEvent(removed: Readonly<Record<string, number>>, { clock, random }: Pick<World, 'clock' | 'random'>) {
  return {
    id: random.id(),
    occurredAt: clock.now(),
    actor: 'system',
    action: 'retention.purged',
    outcome: 'success',
    errorCode: null,
    requestId: null,
    details: removed,
  } as const;
}

function rolesOf(mode: Config['mode']): { schedules: boolean; works: boolean } {
  return { schedules: mode === 'all' || mode === 'scheduler', works: mode === 'all' || mode === 'worker' };
}
