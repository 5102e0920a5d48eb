/**
 * Keeps the recurring work going: offers what is due to the queue (the scheduler's part), and takes runs from it and
 * does them (the worker's part). Any number of processes may do either; a kind never runs twice at once, and never twice
 * for one turn.
 */
import type { Kysely } from 'kysely';
import { GatewayError } from '../contract/gateway-error.ts';
import type { JobName } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';
import type { Job } from './job.ts';
import type { JobQueue, TakenRun } from './job-queue.ts';
import { beginRun, endRun, selectAbandonedRuns, selectJobRuns, type JobRun } from './job-run-store.ts';
import { nextRunAt } from './when-due.ts';

export interface JobRunnerParts {
  readonly db: Kysely<DB>;
  readonly queue: JobQueue;
  readonly jobs: readonly Job[];
  readonly clock: Clock;
  readonly log: Log;
  readonly processNumber: number;
  /** Which parts this process plays (`OBAN_MODE`). */
  readonly roles: { readonly schedules: boolean; readonly works: boolean };
  /** Runs at once in this process (`OBAN_JOBS_QUEUE_LIMIT`). */
  readonly limit: number;
  /** How long a stop waits for runs under way (`OBAN_SHUTDOWN_GRACE_PERIOD_MS`). */
  readonly graceMs: number;
}

export interface JobRunner {
  /** Begins to look for due work; the first look is at once. */
  start(): void;
  /** Looks now instead of at the next turn. Resolves when the runs of this process are over. */
  wake(): Promise<void>;
  /**
   * Runs a kind out of turn, here or in whichever process has room, and waits for it, up to a minute. Joins a run that
   * waits or is under way.
   *
   * @returns whether it is over; else it is left to whoever does it.
   */
  runNow(name: JobName): Promise<boolean>;
  /** Takes nothing more, asks running work to stop and waits for it up to the grace period. */
  stop(): Promise<void>;
}

/** How often it is looked for due and waiting work: two small questions each time. */
const lookMs = 5_000;
/** How long somebody who asked for a run waits for it; the command line would wait longer for the answer. */
const longestWaitMs = 60_000;
/** How often it is asked whether a run of another process is over. */
const askMs = 1_000;

/** @example const runner = createJobRunner({ db, queue, jobs, clock, log, processNumber, roles, limit, graceMs }); */
export function createJobRunner(parts: JobRunnerParts): JobRunner {
  const { db, queue, jobs, clock, log, processNumber, roles, limit } = parts;
  const byName = new Map(jobs.map((job) => [job.name as string, job]));
  /** What this process is busy with, by the queue's id. */
  const running = new Map<string, { readonly end: Promise<void> }>();
  const stopping = new AbortController();
  let looking: Promise<void> = Promise.resolve();
  let timer: { restart(): void; stop(): void } | null = null;

  /** One look after the other: two at once would offer the same turn twice. */
  function look(): Promise<void> {
    return inTurn(lookOnce).catch((error: unknown) => log.warn('jobs_not_looked_at', errorFacts(error)));
  }

  function inTurn(step: () => Promise<void>): Promise<void> {
    const result = looking.then(step);
    looking = result.catch(() => undefined);
    return result;
  }

  async function lookOnce(): Promise<void> {
    if (stopping.signal.aborted) return;
    if (roles.schedules) await offerDue();
    if (roles.works) await takeRuns();
  }

  async function offerDue(): Promise<void> {
    await giveUpAbandoned();
    const lastRuns = new Map((await selectJobRuns(db)).map((run) => [run.name, run]));
    const now = clock.now();
    for (const job of jobs) {
      const last = lastRuns.get(job.name) ?? null;
      if (job.isOn?.() === false || last?.outcome === 'running') continue;
      if (nextRunAt(job.schedule, { last, now }) <= now) await queue.offer(job.name, last?.startedAt ?? null);
    }
  }

  /** A process that died in the middle of a run keeps it in the queue; without this its kind would wait for an hour. */
  async function giveUpAbandoned(): Promise<void> {
    const isOurs = (queueId: string) => running.has(queueId);
    for (const { name, queueId } of await selectAbandonedRuns(db, { processNumber, isOurs })) {
      log.warn('job_abandoned', { name });
      await endRun(db, queueId, { finishedAt: clock.now(), problem: 'process_ended', doneCount: null });
      await queue.close(queueId);
    }
  }

  async function takeRuns(): Promise<void> {
    const free = limit - running.size;
    if (free <= 0) return;
    for (const taken of await queue.take(free)) {
      const end = runOne(taken)
        .catch((error: unknown) => log.warn('job_not_recorded', { name: taken.name, ...errorFacts(error) }))
        .finally(() => running.delete(taken.id));
      running.set(taken.id, { end });
    }
  }

  async function runOne(taken: TakenRun): Promise<void> {
    const { name } = taken;
    const startedMs = clock.monotonicMs();
    let result: Awaited<ReturnType<typeof doOnce>> = null;
    try {
      result = await doOnce(taken);
    } finally {
      await queue.close(taken.id);
    }
    if (!result) return;
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    if (result.error === undefined) log.debug('job_done', { name, durationMs, count: result.end.doneCount });
    else log.error('job_failed', { name, durationMs, ...errorFacts(result.error) });
  }

  /** Null when there was nothing to do: the turn was another's, or only another version of the program knows the kind. */
  async function doOnce({ id: queueId, name, after }: TakenRun) {
    const job = byName.get(name);
    if (!job) return null;
    const startedAt = clock.now();
    if (!(await beginRun(db, { name: job.name, startedAt, processNumber, queueId, after }))) return null;
    const result = await settled(job);
    await endRun(db, queueId, { finishedAt: clock.now(), ...result.end });
    return result;
  }

  async function settled(job: Job) {
    try {
      const doneCount = await job.run(stopping.signal);
      return { end: { problem: null, doneCount } };
    } catch (error) {
      return { end: { problem: problemOf(error), doneCount: null }, error };
    }
  }

  async function ended(): Promise<void> {
    await Promise.all([...running.values()].map(({ end }) => end));
  }

  /** @returns false when it is waited for no longer. */
  async function isOver(name: JobName, signal: AbortSignal): Promise<boolean> {
    const id = await queue.openRun(name);
    if (id === null) return true;
    while (!signal.aborted) {
      if (roles.works) await inTurn(takeRuns);
      if ((await queue.openRun(name)) !== id) return true;
      await somethingEnded(signal);
    }
    return false;
  }

  /** Resolves when a run of this process is over, or it is time to ask after those of others. */
  async function somethingEnded(signal: AbortSignal): Promise<void> {
    const pause = Promise.withResolvers<void>();
    const wait = clock.timer(askMs, pause.resolve);
    const giveUp = () => pause.resolve();
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    await Promise.race([pause.promise, ...[...running.values()].map(({ end }) => end)]);
    signal.removeEventListener('abort', giveUp);
    wait.stop();
  }

  return {
    start() {
      timer = clock.timer(lookMs, () => void look().then(() => !stopping.signal.aborted && timer?.restart()));
      void look();
    },

    async wake() {
      await look();
      await ended();
    },

    async runNow(name) {
      const givingUp = new AbortController();
      const limitReached = clock.timer(longestWaitMs, () => givingUp.abort());
      try {
        await queue.offer(name, undefined);
        return await isOver(name, AbortSignal.any([stopping.signal, givingUp.signal]));
      } finally {
        limitReached.stop();
      }
    },

    async stop() {
      stopping.abort();
      timer?.stop();
      await looking;
      const limitReached = Promise.withResolvers<void>();
      const grace = clock.timer(parts.graceMs, limitReached.resolve);
      await Promise.race([ended(), limitReached.promise]);
      grace.stop();
      await queue.stop();
    },
  };
}

/** Class and code of an error: enough to act on, and nothing that somebody wrote. */
function problemOf(error: unknown): string {
  if (error instanceof GatewayError) return error.code;
  const { errorName, systemCode } = errorFacts(error);
  return [errorName, systemCode].filter((word) => word !== undefined).join(' ');
}

/** How a kind of work stands, for whoever asks. */
export function jobStateOf(job: Job, { last, now }: { last: JobRun | undefined; now: Date }) {
  const isOn = job.isOn?.() !== false;
  return {
    name: job.name,
    schedule: job.schedule,
    isOn,
    outcome: last?.outcome ?? null,
    startedAt: last?.startedAt ?? null,
    finishedAt: last?.finishedAt ?? null,
    succeededAt: last?.succeededAt ?? null,
    problem: last?.problem ?? null,
    failures: last?.failures ?? 0,
    doneCount: last?.doneCount ?? null,
    nextAt: isOn && last?.outcome !== 'running' ? nextRunAt(job.schedule, { last: last ?? null, now }) : null,
  };
}
