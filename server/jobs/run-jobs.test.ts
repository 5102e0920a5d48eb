/** One file, since every test needs processes on one database and one clock that it moves (`processOf`, below). */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { createMovableClock, type MovableClock } from '../sandbox/movable-clock.ts';
import { advisoryLocks } from '../database/advisory-lock.ts';
import { systemClock } from '../world/real-world.ts';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { until } from '../../test/support/until.ts';
import type { Job } from './job.ts';
import { createJobQueue } from './job-queue.ts';
import { beginRun, selectJobRuns } from './job-run-store.ts';
import { createJobRunner, type JobRunner, type JobRunnerParts } from './run-jobs.ts';

const minute = 60_000;
const both = { schedules: true, works: true };

let database: TestDatabase;
let clock: MovableClock;
let runners: JobRunner[];
/** Names of runs, in the order in which they happened, of all processes. */
let runs: string[];
let nextProcess: number;
/** Holds the locks by which processes are known to live. */
let lives: pg.PoolClient;

beforeEach(async () => {
  database = await testDatabase();
  clock = createMovableClock(systemClock);
  runners = [];
  runs = [];
  nextProcess = 1;
  lives = await database.pool.connect();
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  lives.release(true);
  await database.stop();
});

describe('two processes on one database', () => {
  it('do each kind once per turn, however often both look', async () => {
    const jobs = [minutely('refresh_tokens'), minutely('read_models')];
    const processes = [processOf({ jobs }), processOf({ jobs })];
    for (let turn = 1; turn <= 3; turn += 1) {
      await lookAll(processes, 4);
      expect(runs.toSorted()).toEqual(
        [...Array(turn).fill('read_models'), ...Array(turn).fill('refresh_tokens')].toSorted(),
      );
      clock.advance(minute);
    }
  });

  it('catch up once after a night of sleep', async () => {
    const jobs = [minutely('refresh_tokens')];
    const processes = [processOf({ jobs }), processOf({ jobs })];
    await lookAll(processes, 1);
    for (const sleptMs of [60 * minute, 8 * 60 * minute]) {
      runs.length = 0;
      clock.advance(sleptMs);
      await lookAll(processes, 4);
      expect(runs).toEqual(['refresh_tokens']);
    }
  });

  it('never do one kind at the same time, also when a person asks for it meanwhile', async () => {
    let atOnce = 0;
    let most = 0;
    const door = Promise.withResolvers<number>();
    const entered = Promise.withResolvers<void>();
    const slow: Job = {
      ...minutely('refresh_tokens'),
      async run() {
        atOnce += 1;
        most = Math.max(most, atOnce);
        entered.resolve();
        await door.promise;
        atOnce -= 1;
        return 0;
      },
    };
    const [one, other] = [processOf({ jobs: [slow] }), processOf({ jobs: [slow] })];
    await lives.query('select pg_advisory_lock($1::int, number) from generate_series(1, 2) number', [
      advisoryLocks.processClass,
    ]);
    const first = one.wake();
    await entered.promise;
    clock.advance(10 * minute);
    await lookAll([other], 2);
    const asked = other.runNow('refresh_tokens');
    door.resolve(0);
    await first;
    await asked;
    expect(most).toBe(1);
  });

  it('leave the work to the worker and the timetable to the scheduler', async () => {
    const jobs = [minutely('refresh_tokens')];
    const worker = processOf({ jobs, roles: { schedules: false, works: true } });
    const scheduler = processOf({ jobs, roles: { schedules: true, works: false } });
    await worker.wake();
    expect(runs).toEqual([]);
    await scheduler.wake();
    await scheduler.wake();
    expect(runs).toEqual([]);
    await worker.wake();
    expect(runs).toEqual(['refresh_tokens']);
  });
});

describe('a run that somebody asks for', () => {
  /** A worker with one place, and that is taken until the door opens. */
  async function fullWorker() {
    const door = Promise.withResolvers<number>();
    const entered = Promise.withResolvers<void>();
    const slow: Job = {
      ...minutely('read_models'),
      run() {
        entered.resolve();
        return door.promise;
      },
    };
    const roles = { schedules: false, works: true };
    const worker = processOf({ jobs: [slow, minutely('refresh_tokens')], limit: 1, roles });
    const first = worker.runNow('read_models');
    await entered.promise;
    return { worker, open: () => door.resolve(0), first };
  }

  const isQueued = () =>
    until(async () => {
      const { rows } = await database.pool.query(
        `select from codex_pooler_jobs.job where singleton_key = 'refresh_tokens' and state = 'created'`,
      );
      return rows.length > 0;
    });

  it('is waited for, also where the worker is full', async () => {
    const { worker, open, first } = await fullWorker();
    const asked = worker.runNow('refresh_tokens');
    await isQueued();
    open();
    expect(await asked).toBe(true);
    expect(runs).toEqual(['refresh_tokens']);
    expect(await first).toBe(true);
  });

  it('is said to be queued when it takes too long to begin, and happens all the same', async () => {
    const { worker, open, first } = await fullWorker();
    const asked = worker.runNow('refresh_tokens');
    await isQueued();
    clock.advance(minute);
    expect(await asked).toBe(false);
    expect(runs).toEqual([]);
    open();
    await first;
    // The first sees the slow run to its end.
    await worker.wake();
    await worker.wake();
    expect(runs).toEqual(['refresh_tokens']);
  });

  it('is waited for where another process works', async () => {
    const jobs = [minutely('refresh_tokens')];
    const worker = processOf({ jobs, roles: { schedules: false, works: true } });
    const web = processOf({ jobs, roles: { schedules: false, works: false } });
    await worker.wake();
    const asked = web.runNow('refresh_tokens');
    await isQueued();
    await worker.wake();
    expect(runs).toEqual(['refresh_tokens']);
    expect(await asked).toBe(true);
  });

  it('is waited for no longer when the process stops', async () => {
    await processOf({ jobs: [] }).wake();
    const web = processOf({ jobs: [], roles: { schedules: false, works: false } });
    const asked = web.runNow('refresh_tokens');
    await isQueued();
    await web.stop();
    expect(await asked).toBe(false);
  });
});

describe('a process', () => {
  it('works on no more kinds at once than it may', async () => {
    const door = Promise.withResolvers<number>();
    const bothBegan = Promise.withResolvers<void>();
    const jobs = (['refresh_tokens', 'read_models', 'close_dead_requests'] as const).map((name) => ({
      ...minutely(name),
      run: () => {
        runs.push(name);
        if (runs.length === 2) bothBegan.resolve();
        return door.promise;
      },
    }));
    const runner = processOf({ jobs, limit: 2 });
    const looks = [runner.wake(), runner.wake()];
    await bothBegan.promise;
    expect(runs).toHaveLength(2);
    door.resolve(0);
    await Promise.all(looks);
    await runner.wake();
    expect(runs.toSorted()).toEqual(['close_dead_requests', 'read_models', 'refresh_tokens']);
  });

  it('says what failed in words of its own, and tries again later', async () => {
    const secret = 'sk-cxp-what-somebody-wrote';
    let isBroken = true;
    const job: Job = {
      ...minutely('refresh_tokens'),
      run() {
        runs.push('refresh_tokens');
        return isBroken ? Promise.reject(new TypeError(secret)) : Promise.resolve(3);
      },
    };
    const runner = processOf({ jobs: [job] });
    await lookAll([runner], 2);
    expect(await selectJobRuns(database.db)).toMatchObject([
      { outcome: 'failed', problem: 'TypeError', failures: 1, succeededAt: null },
    ]);
    const { rows } = await database.pool.query('select * from codex_pooler_jobs.job');
    expect(JSON.stringify(rows)).not.toContain(secret);
    clock.advance(29_000);
    await lookAll([runner], 1);
    expect(runs).toHaveLength(1);
    clock.advance(1_000);
    await lookAll([runner], 1);
    expect(runs).toHaveLength(2);
    isBroken = false;
    clock.advance(minute);
    await lookAll([runner], 1);
    expect(await selectJobRuns(database.db)).toMatchObject([
      { outcome: 'succeeded', problem: null, failures: 0, doneCount: 3 },
    ]);
  });

  it('takes over from one that died in the middle of a run', async () => {
    const queue = createJobQueue({ pool: database.pool, clock, log: quietLog, supervises: false });
    await queue.offer('refresh_tokens', null);
    const [taken] = await queue.take(1);
    const dead = { name: 'refresh_tokens', processNumber: 99, startedAt: clock.now(), queueId: taken!.id } as const;
    expect(await beginRun(database.db, { ...dead, after: null })).toBe(true);
    await queue.stop();

    const runner = processOf({ jobs: [minutely('refresh_tokens')] });
    await lookAll([runner], 1);
    expect(await selectJobRuns(database.db)).toMatchObject([{ outcome: 'failed', problem: 'process_ended' }]);
    clock.advance(30_000);
    await lookAll([runner], 1);
    expect(runs).toEqual(['refresh_tokens']);
  });

  it('asks running work to end when it stops, and waits for it', async () => {
    let isEnded = false;
    const entered = Promise.withResolvers<void>();
    const job: Job = {
      ...minutely('refresh_tokens'),
      async run(signal) {
        entered.resolve();
        await once(signal, 'abort');
        isEnded = true;
        return 0;
      },
    };
    const runner = processOf({ jobs: [job] });
    const looking = runner.wake();
    await entered.promise;
    await Promise.all([looking, runner.stop()]);
    expect(isEnded).toBe(true);
    expect(await selectJobRuns(database.db)).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('leaves work alone that settings turned off', async () => {
    await lookAll([processOf({ jobs: [{ ...minutely('read_models'), isOn: () => false }] })], 2);
    expect(runs).toEqual([]);
  });
});

function minutely(name: Job['name']): Job {
  return {
    name,
    schedule: { kind: 'every', everyMs: minute },
    run() {
      runs.push(name);
      return Promise.resolve(1);
    },
  };
}

function processOf(parts: Pick<JobRunnerParts, 'jobs'> & Partial<JobRunnerParts>): JobRunner {
  const { db, pool } = database;
  const queue = createJobQueue({ pool, clock, log: quietLog, supervises: false });
  const processNumber = nextProcess++;
  const rest = { roles: both, limit: 8, graceMs: 10_000, processNumber };
  const runner = createJobRunner({ db, queue, clock, log: quietLog, ...rest, ...parts });
  runners.push(runner);
  return runner;
}

/** All look at the same time, so often; each look ends with what it began. */
async function lookAll(processes: readonly JobRunner[], times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await Promise.all(processes.map((each) => each.wake()));
}
