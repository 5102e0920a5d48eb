/**
 * Closes what a crash left open. A request belongs to a server process; when that process no longer lives, nobody will
 * settle the request, so the sweep does: with the estimate that was set aside, since nobody knows what was used. A
 * process that only lost its database corrects that when it is back (`settle-requests.ts`).
 */
import type { Kysely } from 'kysely';
import { livingProcesses } from '../database/advisory-lock.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Log } from '../world/world.ts';
import { processEnded, type AttemptRow, type Settlement } from './ledger-rows.ts';
import type { Queryable } from './ledger-store.ts';
import { settleRequests } from './settle-requests.ts';
import { storedMs } from './stored-ms.ts';

export interface SweepParts {
  readonly db: Kysely<DB>;
  readonly pool: Queryable;
  readonly clock: Clock;
  readonly log: Log;
  /** This process: its own requests are its own business. */
  readonly processNumber: number;
}

/** Rows per statement; a crash with thousands of open streams is closed in several. */
const batchSize = 500;

/**
 * A living process holds the lock of its number, which Postgres frees the moment its connection ends.
 *
 * @returns how many requests were closed. Safe to run in several processes at once: settling is idempotent.
 */
export async function sweepDeadProcesses(parts: SweepParts): Promise<number> {
  const rows = await parts.db
    .selectFrom('requests')
    .select('processNumber')
    .distinct()
    .where('status', '=', 'in_progress')
    .execute();
  const living = new Set(await livingProcesses(parts.db));
  let closed = 0;
  for (const { processNumber } of rows) {
    if (processNumber === parts.processNumber || living.has(processNumber)) continue;
    closed += await closeRequestsOf(processNumber, parts);
  }
  if (closed > 0) parts.log.warn('requests_of_ended_process_closed', { count: closed });
  return closed;
}

async function closeRequestsOf(processNumber: number, { db, pool, clock }: SweepParts): Promise<number> {
  let closed = 0;
  for (;;) {
    const open = await openRequests(db, processNumber);
    if (open.length === 0) return closed;
    const attempts = await openAttempts(
      db,
      open.map(({ id }) => id),
    );
    const completedAt = clock.now();
    const settlements = open.map((row) => settlementOf(row, { attempts: attempts.get(row.id) ?? [], completedAt }));
    const results = await settleRequests(pool, settlements);
    closed += results.filter((result) => result === 'closed').length;
    if (open.length < batchSize) return closed;
  }
}

type OpenRequest = Awaited<ReturnType<typeof openRequests>>[number];

function openRequests(db: Kysely<DB>, processNumber: number) {
  return db
    .selectFrom('requests')
    .select(['id', 'admittedAt'])
    .where('processNumber', '=', processNumber)
    .where('status', '=', 'in_progress')
    .orderBy('id')
    .limit(batchSize)
    .execute();
}

type OpenAttempt = Awaited<ReturnType<typeof selectAttempts>>[number];

/** Attempts are closed with their request, so one that moved between accounts has several open ones. */
async function openAttempts(db: Kysely<DB>, requestIds: readonly string[]): Promise<Map<string, OpenAttempt[]>> {
  return Map.groupBy(await selectAttempts(db, requestIds), ({ requestId }) => requestId);
}

function selectAttempts(db: Kysely<DB>, requestIds: readonly string[]) {
  return db
    .selectFrom('attempts')
    .select(['id', 'requestId', 'number', 'accountId', 'accountLabel', 'transport', 'startedAt'])
    .where('requestId', 'in', requestIds)
    .where('status', '=', 'in_progress')
    .orderBy('number')
    .execute();
}

function settlementOf(
  row: OpenRequest,
  { attempts, completedAt }: { attempts: readonly OpenAttempt[]; completedAt: Date },
): Settlement {
  const last = attempts.at(-1);
  return {
    requestId: row.id,
    status: 'failed',
    usageStatus: 'usage_unknown',
    errorCode: processEnded,
    responseStatus: null,
    accountId: last?.accountId ?? null,
    accountLabel: last?.accountLabel ?? null,
    servedTier: null,
    responseBytes: 0,
    firstByteMs: null,
    totalMs: storedMs(completedAt.getTime() - row.admittedAt.getTime()),
    completedAt,
    compression: null,
    attempts: attempts.flatMap((attempt) => attemptRowOf(attempt, completedAt) ?? []),
    decision: null,
    uses: [],
  };
}

function attemptRowOf({ accountId, ...attempt }: OpenAttempt, completedAt: Date): AttemptRow | null {
  // An account whose row is gone cannot be named again; its attempt stays as it was.
  if (accountId === null) return null;
  return {
    id: attempt.id,
    number: attempt.number,
    accountId,
    accountLabel: attempt.accountLabel,
    transport: attempt.transport as AttemptRow['transport'],
    status: 'failed',
    upstreamStatus: null,
    errorCode: processEnded,
    retryReason: null,
    upstreamRequestId: null,
    firstByteMs: null,
    totalMs: storedMs(completedAt.getTime() - attempt.startedAt.getTime()),
    startedAt: attempt.startedAt,
    completedAt,
  };
}
