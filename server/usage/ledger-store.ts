/**
 * SQL of requests beside their reservation (`reservation-store.ts`) and settlement (`settle-requests.ts`). Each function
 * is one statement for many rows, which requests under load share.
 */
import type pg from 'pg';
import type { StoredDecision } from '../contract/decisions.ts';
import { statementLimitMs } from '../database/connect.ts';
import type { AttemptRow, Rejection } from './ledger-rows.ts';

/** A pool or one connection of it. */
export type Queryable = Pick<pg.Pool, 'query'>;

/** Longer than the server lets a statement run: then the connection is gone without a word, and the next is tried. */
const answerLimitMs = statementLimitMs + 5_000;

/** Runs a prepared statement of the ledger. @throws what the database says, or that it did not answer in time. */
export async function runStatement<Row extends pg.QueryResultRow>(
  pool: Queryable,
  statement: { name: string; text: string; values: readonly unknown[] },
): Promise<Row[]> {
  // The driver knows a limit for each query; its types do not.
  const query: pg.QueryConfig & { query_timeout: number } = {
    ...statement,
    values: [...statement.values],
    query_timeout: answerLimitMs,
  };
  return (await pool.query<Row>(query)).rows;
}

export const requestColumns = `"requestId" uuid, "poolId" uuid, "keyId" uuid, "keyName" text, "keyPrefix" text,
  "processNumber" int, endpoint text, transport text, "routeClass" text, model text, "requestedModel" text, "requestedTier" text,
  "reasoningEffort" text, "clientAddress" text, "clientName" text, "requestBytes" bigint, "admittedAt" timestamptz`;
export const amountColumns = `"inputTokens" bigint, "cachedTokens" bigint, "cacheWriteTokens" bigint, "outputTokens" bigint,
  "reasoningTokens" bigint, "totalTokens" bigint, "costMicros" numeric, "costStatus" text`;
export const insertRequest = `insert into requests (id, pool_id, api_key_id, api_key_name, api_key_prefix, process_number,
    endpoint, transport, route_class, model, requested_model, requested_tier, reasoning_effort, client_address, client_name,
    request_bytes, admitted_at, status, usage_status, error_code, response_status, completed_at, attempt_count, decision,
    turn_sha256)
  select "requestId", "poolId", "keyId", "keyName", "keyPrefix", "processNumber", endpoint, transport, "routeClass",
    model, "requestedModel", "requestedTier", "reasoningEffort", "clientAddress", "clientName", "requestBytes", "admittedAt"`;
export const ledgerColumns = `request_id, event, usage_status, pool_id, api_key_id, account_id, model, requests, input_tokens,
  cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens, cost_micros, cost_status, created_at`;

const rejectText = `
with item as (
  select * from jsonb_to_recordset($1::jsonb) as x(${requestColumns}, "errorCode" text, "responseStatus" int,
    decision jsonb)
), request as (
  ${insertRequest}, 'rejected', 'not_applicable', "errorCode", "responseStatus", "admittedAt", 0, decision, null
  from item
)
insert into usage_hours as sum (hour, pool_id, api_key_id, account_id, model, requests, rejected)
select date_trunc('hour', "admittedAt", 'UTC'), "poolId", "keyId", null::uuid, model, count(*), count(*)
from item group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
on conflict (hour, pool_id, api_key_id, account_id, model)
do update set requests = sum.requests + excluded.requests, rejected = sum.rejected + excluded.rejected`;

/** Writes rows of requests that were refused before any attempt. */
export async function rejectRequests(pool: Queryable, items: readonly Rejection[]): Promise<void> {
  await runStatement(pool, { name: 'reject_requests', text: rejectText, values: [JSON.stringify(items)] });
}

const insertAttemptText = `
insert into attempts (id, request_id, number, account_id, account_label, transport, status, started_at, decision)
select $1::uuid, requests.id, $3::int, $4::uuid, $5::text, $6::text, 'in_progress', $7::timestamptz, $8::jsonb
from requests where requests.id = $2::uuid and requests.status = 'in_progress'
returning id`;

/**
 * Writes a further attempt before it is sent, so a crash leaves a trace of it. A request that was closed meanwhile, by
 * others who believed this process dead, gets its attempts with its settlement: nobody would close an open one.
 *
 * @returns whether it was written.
 */
export async function insertAttempt(
  pool: Queryable,
  { requestId, attempt, decision = null }: { requestId: string; attempt: AttemptRow; decision?: StoredDecision | null },
): Promise<boolean> {
  const { id, number, accountId, accountLabel, transport, startedAt } = attempt;
  const rows = await runStatement(pool, {
    name: 'insert_attempt',
    text: insertAttemptText,
    values: [id, requestId, number, accountId, accountLabel, transport, startedAt, decision],
  });
  return rows.length > 0;
}
