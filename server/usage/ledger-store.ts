/**
 * SQL of requests and their money after the reservation (`reservation-store.ts`). Each function is one statement for
 * many rows, which requests under load share. Every movement is idempotent: a request has one reservation, one
 * settlement and one release, whoever writes them and how often.
 */
import type pg from 'pg';
import type { AttemptRow, Rejection, Settlement } from './ledger-rows.ts';

/** A pool or one connection of it. */
export type Queryable = Pick<pg.Pool, 'query'>;

export const requestColumns = `"requestId" uuid, "poolId" uuid, "keyId" uuid, "keyName" text, "keyPrefix" text,
  "processNumber" int, endpoint text, transport text, "routeClass" text, model text, "requestedTier" text,
  "reasoningEffort" text, "clientAddress" text, "clientName" text, "requestBytes" bigint, "admittedAt" timestamptz`;
export const amountColumns = `"inputTokens" bigint, "cachedTokens" bigint, "cacheWriteTokens" bigint, "outputTokens" bigint,
  "reasoningTokens" bigint, "totalTokens" bigint, "costMicros" numeric, "costStatus" text`;
export const insertRequest = `insert into requests (id, pool_id, api_key_id, api_key_name, api_key_prefix, process_number,
    endpoint, transport, route_class, model, requested_tier, reasoning_effort, client_address, client_name,
    request_bytes, admitted_at, status, usage_status, error_code, response_status, completed_at, attempt_count)
  select "requestId", "poolId", "keyId", "keyName", "keyPrefix", "processNumber", endpoint, transport, "routeClass",
    model, "requestedTier", "reasoningEffort", "clientAddress", "clientName", "requestBytes", "admittedAt"`;
export const ledgerColumns = `request_id, event, usage_status, pool_id, api_key_id, account_id, model, requests, input_tokens,
  cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens, cost_micros, cost_status, created_at`;

const rejectText = `
with item as (
  select * from jsonb_to_recordset($1::jsonb) as x(${requestColumns}, "errorCode" text, "responseStatus" int)
), request as (
  ${insertRequest}, 'rejected', 'not_applicable', "errorCode", "responseStatus", "admittedAt", 0 from item
)
insert into usage_hours as sum (hour, pool_id, api_key_id, account_id, model, requests, rejected)
select date_trunc('hour', "admittedAt", 'UTC'), "poolId", "keyId", null::uuid, model, count(*), count(*)
from item group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
on conflict (hour, pool_id, api_key_id, account_id, model)
do update set requests = sum.requests + excluded.requests, rejected = sum.rejected + excluded.rejected`;

/** Writes rows of requests that were refused before any attempt. */
export async function rejectRequests(pool: Queryable, items: readonly Rejection[]): Promise<void> {
  await pool.query({ name: 'reject_requests', text: rejectText, values: [JSON.stringify(items)] });
}

const attemptColumns = `id uuid, number int, "accountId" uuid, "accountLabel" text, transport text, status text,
  "upstreamStatus" int, "errorCode" text, "retryReason" text, "upstreamRequestId" text, "firstByteMs" int,
  "totalMs" int, "startedAt" timestamptz, "completedAt" timestamptz`;

/** Only requests that this statement itself closes move money, so settling twice changes nothing. */
const settleText = `
with item as (
  select * from jsonb_to_recordset($1::jsonb) as x("requestId" uuid, status text, "usageStatus" text, "errorCode" text,
    "responseStatus" int, "accountId" uuid, "accountLabel" text, "servedTier" text, "responseBytes" bigint,
    "firstByteMs" int, "totalMs" int, "completedAt" timestamptz, attempts jsonb, ${amountColumns})
), closed as (
  update requests set status = item.status, usage_status = item."usageStatus", error_code = item."errorCode",
    response_status = item."responseStatus", account_id = item."accountId", account_label = item."accountLabel",
    served_tier = item."servedTier", response_bytes = item."responseBytes", first_byte_ms = item."firstByteMs",
    total_ms = item."totalMs", completed_at = item."completedAt", attempt_count = jsonb_array_length(item.attempts)
  from item where requests.id = item."requestId" and requests.status = 'in_progress'
  returning requests.id, requests.pool_id, requests.api_key_id, requests.model, requests.admitted_at, item.*
), attempt as (
  insert into attempts (id, request_id, number, account_id, account_label, transport, status, upstream_status,
    error_code, retry_reason, upstream_request_id, first_byte_ms, total_ms, started_at, completed_at)
  select a.id, closed."requestId", a.number, a."accountId", a."accountLabel", a.transport, a.status,
    a."upstreamStatus", a."errorCode", a."retryReason", a."upstreamRequestId", a."firstByteMs", a."totalMs",
    a."startedAt", a."completedAt"
  from closed, jsonb_to_recordset(closed.attempts) as a(${attemptColumns})
  on conflict (request_id, number) do update set status = excluded.status, upstream_status = excluded.upstream_status,
    error_code = excluded.error_code, retry_reason = excluded.retry_reason,
    upstream_request_id = excluded.upstream_request_id, first_byte_ms = excluded.first_byte_ms,
    total_ms = excluded.total_ms, completed_at = excluded.completed_at
), entry as (
  insert into ledger_entries (${ledgerColumns})
  select "requestId", 'settlement', "usageStatus", pool_id, api_key_id, "accountId", model, 1, "inputTokens",
    "cachedTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens", "totalTokens", "costMicros", "costStatus",
    "completedAt"
  from closed where "usageStatus" <> 'not_applicable'
  union all
  select reserved.request_id, 'release', reserved.usage_status, reserved.pool_id, reserved.api_key_id,
    reserved.account_id, reserved.model, -reserved.requests, -reserved.input_tokens, -reserved.cached_tokens,
    -reserved.cache_write_tokens, -reserved.output_tokens, -reserved.reasoning_tokens, -reserved.total_tokens,
    -reserved.cost_micros, reserved.cost_status, closed."completedAt"
  from closed join ledger_entries reserved on reserved.request_id = closed."requestId" and reserved.event = 'reservation'
), used as (
  update api_keys set last_used_at = latest.at
  from (select api_key_id, max("completedAt") as at from closed group by api_key_id) as latest
  where api_keys.id = latest.api_key_id
    and (api_keys.last_used_at is null or api_keys.last_used_at < latest.at - interval '60 seconds')
), hours as (
  insert into usage_hours as sum (hour, pool_id, api_key_id, account_id, model, requests, succeeded, failed, cancelled,
    attempts, usage_known, input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    total_tokens, cost_micros)
  select date_trunc('hour', admitted_at, 'UTC'), pool_id, api_key_id, "accountId", model, count(*),
    count(*) filter (where status = 'succeeded'), count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'cancelled'), sum(jsonb_array_length(attempts)), count(known.yes),
    coalesce(sum("inputTokens" * known.yes), 0), coalesce(sum("cachedTokens" * known.yes), 0),
    coalesce(sum("cacheWriteTokens" * known.yes), 0), coalesce(sum("outputTokens" * known.yes), 0),
    coalesce(sum("reasoningTokens" * known.yes), 0), coalesce(sum("totalTokens" * known.yes), 0),
    coalesce(sum("costMicros" * known.yes), 0)
  from closed, lateral (select case when "usageStatus" = 'usage_known' then 1 end) as known(yes)
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (hour, pool_id, api_key_id, account_id, model) do update set
    requests = sum.requests + excluded.requests, succeeded = sum.succeeded + excluded.succeeded,
    failed = sum.failed + excluded.failed, cancelled = sum.cancelled + excluded.cancelled,
    attempts = sum.attempts + excluded.attempts, usage_known = sum.usage_known + excluded.usage_known,
    input_tokens = sum.input_tokens + excluded.input_tokens, cached_tokens = sum.cached_tokens + excluded.cached_tokens,
    cache_write_tokens = sum.cache_write_tokens + excluded.cache_write_tokens,
    output_tokens = sum.output_tokens + excluded.output_tokens,
    reasoning_tokens = sum.reasoning_tokens + excluded.reasoning_tokens,
    total_tokens = sum.total_tokens + excluded.total_tokens, cost_micros = sum.cost_micros + excluded.cost_micros
)
select "requestId" as id from closed`;

/**
 * Closes requests with their attempts, settlement, release, hourly sums and the key's last use, in one transaction.
 *
 * @returns for each item whether this call closed it; false means it was closed before, and nothing was changed.
 */
export async function settleRequests(pool: Queryable, items: readonly Settlement[]): Promise<boolean[]> {
  const values = [JSON.stringify(items.map(({ amounts, ...item }) => ({ ...item, ...amounts })))];
  const { rows } = await pool.query<{ id: string }>({ name: 'settle_requests', text: settleText, values });
  const closed = new Set(rows.map(({ id }) => id));
  return items.map(({ requestId }) => closed.has(requestId));
}

const insertAttemptText = `
insert into attempts (id, request_id, number, account_id, account_label, transport, status, started_at)
values ($1, $2, $3, $4, $5, $6, 'in_progress', $7)`;

/** Writes a further attempt before it is sent, so a crash leaves a trace of it. */
export async function insertAttempt(
  pool: Queryable,
  { requestId, attempt }: { requestId: string; attempt: AttemptRow },
): Promise<void> {
  const { id, number, accountId, accountLabel, transport, startedAt } = attempt;
  await pool.query({
    name: 'insert_attempt',
    text: insertAttemptText,
    values: [id, requestId, number, accountId, accountLabel, transport, startedAt],
  });
}
