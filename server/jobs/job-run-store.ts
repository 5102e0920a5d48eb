/** SQL of `job_runs`: how each kind of work last went, and the step by which exactly one runner begins a run. */
import { sql, type Kysely } from 'kysely';
import type { JobName, JobOutcome } from '../contract/vocabulary.ts';
import { livingProcesses } from '../database/advisory-lock.ts';
import type { DB } from '../database/tables.generated.ts';

export interface JobRun {
  readonly name: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: JobOutcome;
  readonly problem: string | null;
  readonly failures: number;
  readonly doneCount: number | null;
  readonly succeededAt: Date | null;
  readonly processNumber: number;
  readonly queueId: string;
}

export async function selectJobRuns(db: Kysely<DB>): Promise<JobRun[]> {
  const rows = await db.selectFrom('jobRuns').selectAll().orderBy('name').execute();
  return rows.map((row) => ({ ...row, outcome: row.outcome as JobOutcome }));
}

export interface RunBegin {
  readonly name: JobName;
  readonly startedAt: Date;
  readonly processNumber: number;
  readonly queueId: string;
  /**
   * The last run's start as the one who offered this run knew it. Where another run began since, this one was for the
   * same turn and must not happen. Undefined: run in any case.
   */
  readonly after: Date | null | undefined;
}

/** @returns whether the run may happen; then it is noted as running. */
export async function beginRun(db: Kysely<DB>, { after, ...run }: RunBegin): Promise<boolean> {
  const row = { ...run, outcome: 'running', finishedAt: null, problem: null, doneCount: null };
  const result = await db
    .insertInto('jobRuns')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet(row).where(sql<boolean>`
        ${after === undefined} or job_runs.started_at is not distinct from ${after ?? null}::timestamptz`),
    )
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export interface RunEnd {
  readonly finishedAt: Date;
  /** What went wrong, in a word or two; null when all went well. */
  readonly problem: string | null;
  readonly doneCount: number | null;
}

/** Notes how a run ended; nothing when another run of its kind began since. */
export async function endRun(db: Kysely<DB>, queueId: string, { problem, ...end }: RunEnd): Promise<void> {
  await db
    .updateTable('jobRuns')
    .set((eb) => ({
      ...end,
      problem,
      outcome: problem === null ? 'succeeded' : 'failed',
      failures: problem === null ? 0 : eb('failures', '+', 1),
      ...(problem === null && { succeededAt: end.finishedAt }),
    }))
    .where('queueId', '=', queueId)
    .where('outcome', '=', 'running')
    .execute();
}

/** Runs whose process ended before they did. `isOurs` tells the runs this process is busy with. */
export async function selectAbandonedRuns(
  db: Kysely<DB>,
  { processNumber, isOurs }: { processNumber: number; isOurs: (queueId: string) => boolean },
): Promise<JobRun[]> {
  const running = (await selectJobRuns(db)).filter(({ outcome }) => outcome === 'running');
  const doubtful = running.filter((run) => run.processNumber !== processNumber || !isOurs(run.queueId));
  if (doubtful.length === 0) return [];
  const living = new Set(await livingProcesses(db));
  return doubtful.filter((run) => run.processNumber === processNumber || !living.has(run.processNumber));
}
