/**
 * Closes what a crash left open. A request belongs to a server process; when that process no longer lives, nobody will
 * settle the request, so the sweep does: with the estimate that was set aside, since nobody knows what was used.
 */
import type { Kysely } from 'kysely';
import { livingProcesses } from '../database/advisory-lock.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Log } from '../world/world.ts';
import type { Amounts, Settlement } from './ledger-rows.ts';
import { settleRequests, type Queryable } from './ledger-store.ts';

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
    const completedAt = clock.now();
    const results = await settleRequests(
      pool,
      open.map((row) => settlementOf(row, completedAt)),
    );
    closed += results.filter(Boolean).length;
    if (open.length < batchSize) return closed;
  }
}

type OpenRequest = Awaited<ReturnType<typeof openRequests>>[number];

function openRequests(db: Kysely<DB>, processNumber: number) {
  return db
    .selectFrom('requests')
    .leftJoin('ledgerEntries as reserved', (join) =>
      join.onRef('reserved.requestId', '=', 'requests.id').on('reserved.event', '=', 'reservation'),
    )
    .leftJoin('attempts', (join) =>
      join.onRef('attempts.requestId', '=', 'requests.id').on('attempts.status', '=', 'in_progress'),
    )
    .select([
      'requests.id',
      'requests.admittedAt',
      'reserved.inputTokens',
      'reserved.cachedTokens',
      'reserved.cacheWriteTokens',
      'reserved.outputTokens',
      'reserved.reasoningTokens',
      'reserved.totalTokens',
      'reserved.costMicros',
      'reserved.costStatus',
      'attempts.id as attemptId',
      'attempts.number as attemptNumber',
      'attempts.accountId',
      'attempts.accountLabel',
      'attempts.transport as attemptTransport',
      'attempts.startedAt',
    ])
    .where('requests.processNumber', '=', processNumber)
    .where('requests.status', '=', 'in_progress')
    .orderBy('requests.id')
    .limit(batchSize)
    .execute();
}

function settlementOf(row: OpenRequest, completedAt: Date): Settlement {
  const totalMs = clampedMs(completedAt.getTime() - row.admittedAt.getTime());
  const { attemptId, attemptNumber, attemptTransport, startedAt, accountId, accountLabel } = row;
  const attempt =
    attemptId && attemptNumber && startedAt && accountId
      ? [
          {
            id: attemptId,
            number: attemptNumber,
            accountId,
            accountLabel: accountLabel ?? '',
            transport: attemptTransport === 'http_json' ? ('http_json' as const) : ('http_sse' as const),
            status: 'failed' as const,
            upstreamStatus: null,
            errorCode: 'process_ended',
            retryReason: null,
            upstreamRequestId: null,
            firstByteMs: null,
            totalMs,
            startedAt,
            completedAt,
          },
        ]
      : [];
  return {
    requestId: row.id,
    status: 'failed',
    usageStatus: 'usage_unknown',
    errorCode: 'process_ended',
    responseStatus: null,
    accountId,
    accountLabel,
    servedTier: null,
    responseBytes: 0,
    firstByteMs: null,
    totalMs,
    completedAt,
    attempts: attempt,
    amounts: { ...row, costStatus: (row.costStatus ?? 'unpriced_usage_unknown') as Amounts['costStatus'] },
  };
}

/** The column is a 32-bit integer; a machine that slept for a month must not fail the sweep. */
function clampedMs(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), 2 ** 31 - 1);
}
