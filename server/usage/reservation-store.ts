/**
 * SQL of reservations: the request, its first attempt and what is set aside for it, written before anything is sent. One
 * statement for many requests, so that a request costs at most one before dispatch and under load many share it.
 */
import {
  amountColumns,
  insertRequest,
  ledgerColumns,
  requestColumns,
  runStatement,
  type Queryable,
} from './ledger-store.ts';
import type { Reservation } from './ledger-rows.ts';

/**
 * A reservation does not wait for the disk: only a power cut within the next half second could lose it, together with
 * the answer it was for, while every request would pay the wait before its first byte. Its settlement does wait, and
 * carries the reservation to disk with it.
 */
const withoutDiskWait = `unhurried as materialized (select set_config('synchronous_commit', 'off', true) as setting)`;

/**
 * A key that was revoked, paused, rotated, moved, deleted or has expired since it was recognised reserves nothing, nor
 * does one of a disabled Pool; `endOf` of `api-keys/key-status.ts` asks the same in memory. What is there already stays:
 * an answer that was lost on its way makes the caller write the same again.
 */
const reserveText = `
with ${withoutDiskWait}, item as (
  select * from jsonb_to_recordset($1::jsonb)
    as x(${requestColumns}, "reservedAt" timestamptz, "attemptId" uuid, "accountId" uuid, "accountLabel" text,
      decision jsonb,
      ${amountColumns})
), live as (
  select item.* from item
  join api_keys key on key.id = item."keyId" and key.pool_id = item."poolId"
  join pools pool on pool.id = key.pool_id
  where key.revoked_at is null and key.paused_at is null and pool.disabled_at is null
    and (key.expires_at is null or key.expires_at > item."reservedAt")
    and (key.prefix = item."keyPrefix"
      or key.previous_prefix = item."keyPrefix" and key.previous_ends_at > item."reservedAt")
), request as (
  ${insertRequest}, 'in_progress', 'usage_unknown', null, null, null, 1, null from live
  on conflict do nothing
), attempt as (
  insert into attempts (id, request_id, number, account_id, account_label, transport, status, started_at, decision)
  select "attemptId", "requestId", 1, "accountId", "accountLabel", transport, 'in_progress', "admittedAt", decision
  from live
  on conflict do nothing
), entry as (
  insert into ledger_entries (${ledgerColumns})
  select "requestId", 'reservation', 'usage_unknown', "poolId", "keyId", "accountId", model, 1, "inputTokens",
    "cachedTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens", "totalTokens", "costMicros", "costStatus",
    "admittedAt"
  from live
  on conflict do nothing
)
select "requestId" as id from live, unhurried`;

/**
 * Writes requests with their first attempt and reservation.
 *
 * @returns for each item whether it was reserved; false means its key may no longer be used.
 */
export async function reserveRequests(pool: Queryable, items: readonly Reservation[]): Promise<boolean[]> {
  const values = [JSON.stringify(items.map(({ estimate, ...item }) => ({ ...item, ...estimate })))];
  const rows = await runStatement<{ id: string }>(pool, { name: 'reserve_requests', text: reserveText, values });
  const reserved = new Set(rows.map(({ id }) => id));
  return items.map(({ requestId }) => reserved.has(requestId));
}
