/**
 * The statement that closes requests: rows, attempts, ledger, hourly sums and the key's last use, for many requests in
 * one transaction.
 *
 * A request moves through the ledger by events that exist once each: `reservation` and `release` cancel each other,
 * `settlement` is what counts, `attempt:<n>` what an earlier attempt reported before the request moved on. A process
 * that others believed dead may still learn what was used: then `void` takes the unknown settlement back and
 * `correction` stands in its place. So the plain sum over a request's entries is what it counts for, at any time.
 */
import { amountColumns, ledgerColumns, runStatement, type Queryable } from './ledger-store.ts';
import { processEnded, type Settlement } from './ledger-rows.ts';

const attemptColumns = `id uuid, number int, "accountId" uuid, "accountLabel" text, transport text, status text,
  "upstreamStatus" int, "errorCode" text, "retryReason" text, "upstreamRequestId" text, "firstByteMs" int,
  "totalMs" int, "startedAt" timestamptz, "completedAt" timestamptz, decision jsonb`;

/** The estimate stands in the reservation; the amounts of other entries are read from there. */
const estimate = (sign: '' | '-') =>
  [
    'input_tokens',
    'cached_tokens',
    'cache_write_tokens',
    'output_tokens',
    'reasoning_tokens',
    'total_tokens',
    'cost_micros',
  ]
    .map((column) => `${sign}reserved.${column}`)
    .join(', ');

/** Sums of {@link Settlement}s per hour, in the order of the columns below. */
const summed = [
  'requests',
  'succeeded',
  'failed',
  'cancelled',
  'attempts',
  'usage_known',
  'input_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'total_tokens',
  'cost_micros',
];

/** How a request counts in its hour: `sign` is 1, or -1 where that is taken back. */
const counted = (
  sign: '1' | '-1',
  { status, account, attempts }: { status: string; account: string; attempts: string },
) =>
  `select hour, pool_id, api_key_id, ${account} as account_id, model, ${sign} as requests,
    case ${status} when 'succeeded' then ${sign} else 0 end as succeeded,
    case ${status} when 'failed' then ${sign} else 0 end as failed,
    case ${status} when 'cancelled' then ${sign} else 0 end as cancelled, ${sign} * ${attempts} as attempts,
    0 as usage_known, 0 as input_tokens, 0 as cached_tokens, 0 as cache_write_tokens, 0 as output_tokens,
    0 as reasoning_tokens, 0 as total_tokens, 0 as cost_micros
  from target`;

/**
 * `target` locks, in one order for all writers, the requests that this statement has to say something about: open ones,
 * closed ones of unknown usage that it knows the usage of, and those that were closed because their process seemed dead
 * while it speaks for itself. Known usage is never replaced, so settling twice changes nothing.
 *
 * `attempts` is an array in every item. Asking makes Postgres expect few items, and so look each request up by its key
 * instead of reading the whole table, with a plan that it keeps while the table grows. The limit of one in `reserved`
 * is for the same.
 */
const settleText = `
with item as (
  select * from jsonb_to_recordset($1::jsonb) as x("requestId" uuid, status text, "usageStatus" text, "errorCode" text,
    "responseStatus" int, "accountId" uuid, "accountLabel" text, "servedTier" text, "responseBytes" bigint,
    "firstByteMs" int, "totalMs" int, "completedAt" timestamptz, decision jsonb, attempts jsonb, uses jsonb,
    compression jsonb)
  where jsonb_typeof(attempts) = 'array'
), target as (
  select item.*, date_trunc('hour', requests.admitted_at, 'UTC') as hour, requests.pool_id, requests.api_key_id,
    requests.model, requests.status = 'in_progress' as is_open, requests.status as old_status,
    requests.usage_status as old_usage, requests.account_id as old_account, requests.attempt_count as old_attempts,
    requests.completed_at as old_completed, jsonb_array_length(item.attempts) as attempt_count
  from requests join item on requests.id = item."requestId"
  where requests.status = 'in_progress'
    or (requests.usage_status = 'usage_unknown' and item."usageStatus" = 'usage_known')
    or (requests.error_code = '${processEnded}' and item."errorCode" is distinct from '${processEnded}')
  order by requests.id
  for update of requests
), closed as (
  update requests set status = target.status, usage_status = target."usageStatus", error_code = target."errorCode",
    response_status = target."responseStatus", account_id = target."accountId", account_label = target."accountLabel",
    served_tier = target."servedTier", response_bytes = target."responseBytes", first_byte_ms = target."firstByteMs",
    total_ms = target."totalMs", completed_at = target."completedAt", attempt_count = target.attempt_count,
    decision = coalesce(target.decision, requests.decision),
    compression = coalesce(target.compression, requests.compression)
  from target where requests.id = target."requestId"
), attempt as (
  insert into attempts (id, request_id, number, account_id, account_label, transport, status, upstream_status,
    error_code, retry_reason, upstream_request_id, first_byte_ms, total_ms, started_at, completed_at, decision)
  select a.id, target."requestId", a.number, a."accountId", a."accountLabel", a.transport, a.status,
    a."upstreamStatus", a."errorCode", a."retryReason", a."upstreamRequestId", a."firstByteMs", a."totalMs",
    a."startedAt", a."completedAt", a.decision
  from target, jsonb_to_recordset(target.attempts) as a(${attemptColumns})
  on conflict (request_id, number) do update set status = excluded.status, upstream_status = excluded.upstream_status,
    error_code = excluded.error_code, retry_reason = excluded.retry_reason,
    upstream_request_id = excluded.upstream_request_id, first_byte_ms = excluded.first_byte_ms,
    total_ms = excluded.total_ms, completed_at = excluded.completed_at,
    decision = coalesce(attempts.decision, excluded.decision)
), reserved as (
  select target.*, entry.requests, ${estimate('').replaceAll('reserved.', 'entry.')}, entry.cost_status,
    entry.account_id as reserved_account, entry.usage_status as reserved_usage
  from target cross join lateral (
    select * from ledger_entries where request_id = target."requestId" and event = 'reservation' limit 1
  ) as entry
), entry as (
  insert into ledger_entries (${ledgerColumns})
  select "requestId", case when use.event = 'settlement' and not is_open then 'correction' else use.event end,
    'usage_known', pool_id, api_key_id, use."accountId", model, (use.event = 'settlement')::int, use."inputTokens",
    use."cachedTokens", use."cacheWriteTokens", use."outputTokens", use."reasoningTokens", use."totalTokens",
    use."costMicros", use."costStatus", "completedAt"
  from target, jsonb_to_recordset(target.uses) as use(event text, "accountId" uuid, ${amountColumns})
  union all
  select "requestId", 'settlement', 'usage_unknown', pool_id, api_key_id, "accountId", model, requests,
    ${estimate('')}, cost_status, "completedAt"
  from reserved where is_open and "usageStatus" = 'usage_unknown'
  union all
  select "requestId", 'release', reserved_usage, pool_id, api_key_id, reserved_account, model, -requests,
    ${estimate('-')}, cost_status, "completedAt"
  from reserved where is_open
  union all
  select "requestId", 'void', 'usage_unknown', pool_id, api_key_id, old_account, model, -requests,
    ${estimate('-')}, cost_status, old_completed
  from reserved where not is_open and old_usage = 'usage_unknown' and "usageStatus" <> 'usage_unknown'
  on conflict do nothing
  returning *
), used as (
  update api_keys set last_used_at = latest.at
  from (select api_key_id, max("completedAt") as at from target group by api_key_id) as latest
  where api_keys.id = latest.api_key_id
    and (api_keys.last_used_at is null or api_keys.last_used_at < latest.at - interval '60 seconds')
), hours as (
  insert into usage_hours as sum (hour, pool_id, api_key_id, account_id, model, ${summed.join(', ')})
  select hour, pool_id, api_key_id, account_id, model,
    ${summed.map((column) => `coalesce(sum(${column}), 0)`).join(', ')}
  from (
    ${counted('1', { status: 'status', account: '"accountId"', attempts: 'attempt_count' })}
    union all
    ${counted('-1', { status: 'old_status', account: 'old_account', attempts: 'old_attempts' })} where not is_open
    union all
    select target.hour, entry.pool_id, entry.api_key_id, entry.account_id, entry.model, 0, 0, 0, 0, 0, entry.requests,
      entry.input_tokens, entry.cached_tokens, entry.cache_write_tokens, entry.output_tokens, entry.reasoning_tokens,
      entry.total_tokens, entry.cost_micros
    from entry join target on target."requestId" = entry.request_id where entry.usage_status = 'usage_known'
  ) as part
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (hour, pool_id, api_key_id, account_id, model) do update set
    ${summed.map((column) => `${column} = sum.${column} + excluded.${column}`).join(', ')}
)
select "requestId" as id, is_open as "wasOpen" from target`;

/** What a settlement did to its request: closed it, told the truth of one that others had closed, or nothing. */
export type Settled = 'closed' | 'corrected' | 'unchanged';

/** Closes requests, or corrects those that were closed without their usage. No request may be among the items twice. */
export async function settleRequests(pool: Queryable, items: readonly Settlement[]): Promise<Settled[]> {
  const rows = await runStatement<{ id: string; wasOpen: boolean }>(pool, {
    name: 'settle_requests',
    text: settleText,
    values: [JSON.stringify(items)],
  });
  const wasOpen = new Map(rows.map((row) => [row.id, row.wasOpen]));
  return items.map(({ requestId }) => {
    const open = wasOpen.get(requestId);
    return open === undefined ? 'unchanged' : open ? 'closed' : 'corrected';
  });
}
