/** SQL that reads recorded requests. */
import { sql, type Kysely } from 'kysely';
import { CompressionFacts } from '../contract/decisions.ts';
import type { CostStatus, RequestStatus } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';

/** The newest requests with what they count for now. */
export async function selectNewestRequests(db: Kysely<DB>, limit: number) {
  const rows = await db
    .selectFrom('requests')
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('ledgerEntries')
          .select([
            sql<string | null>`sum(total_tokens)`.as('totalTokens'),
            sql<string | null>`sum(cost_micros)`.as('costMicros'),
            sql<string | null>`(array_agg(cost_status order by created_at desc, event desc))[1]`.as('costStatus'),
          ])
          .whereRef('ledgerEntries.requestId', '=', 'requests.id')
          .as('counted'),
      (join) => join.onTrue(),
    )
    .select([
      'requests.id as requestId',
      'admittedAt',
      'status',
      'apiKeyName as keyName',
      'accountLabel',
      'model',
      'errorCode',
      'totalMs',
      'compression',
      'counted.totalTokens',
      'counted.costMicros',
      'counted.costStatus',
    ])
    .orderBy('admittedAt', 'desc')
    .orderBy('requests.id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    ...row,
    status: row.status as RequestStatus,
    compression: readCompression(row.compression),
    totalTokens: row.totalTokens === null ? null : Number(row.totalTokens),
    costStatus: row.costStatus as CostStatus | null,
  }));
}

/** One request with its attempts and the choices they came from; undefined when there is none. */
export async function selectRequest(db: Kysely<DB>, id: string) {
  const request = await db
    .selectFrom('requests')
    .select(['id', 'admittedAt', 'apiKeyName', 'apiKeyPrefix', 'model', 'requestedTier', 'reasoningEffort'])
    .select(['status', 'errorCode', 'decision', 'compression'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!request) return undefined;
  const attempts = await db
    .selectFrom('attempts')
    .select(['number', 'accountId', 'accountLabel', 'status', 'errorCode', 'retryReason', 'decision'])
    .where('requestId', '=', id)
    .orderBy('number')
    .execute();
  return {
    ...request,
    status: request.status as RequestStatus,
    compression: readCompression(request.compression),
    attempts,
  };
}

/** A record with words of another version is left out rather than told wrongly. */
function readCompression(stored: unknown): CompressionFacts | null {
  return CompressionFacts.safeParse(stored).data ?? null;
}
