/**
 * SQL of reservations: the request, its first attempt and what is set aside for it, written before anything is sent. One
 * statement for many requests, so that a request costs at most one before dispatch and under load many share it.
 */
import type { LimitRefusal } from '../contract/limits.ts';
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
 * does one of a disabled Pool (`endOf` of `api-keys/key-status.ts` asks the same in memory) or one whose limits have no
 * room. What is there already stays: an answer that was lost on its way makes the caller write the same again. Requests
 * of keys without limits take no lock and are counted nowhere. A turn whose name was taken before leaves nothing.
 */
const reserveText = `
with ${withoutDiskWait}, item as (
  select * from jsonb_to_recordset($1::jsonb)
    as x(${requestColumns}, "reservedAt" timestamptz, "attemptId" uuid, "accountId" uuid, "accountLabel" text,
      decision jsonb, "turnSha256" text,
      ${amountColumns})
), live as (
  select item.* from item
  join api_keys key on key.id = item."keyId" and key.pool_id = item."poolId"
  join pools pool on pool.id = key.pool_id
  where key.revoked_at is null and key.paused_at is null and pool.disabled_at is null
    and (key.expires_at is null or key.expires_at > item."reservedAt")
    and (key.prefix = item."keyPrefix"
      or key.previous_prefix = item."keyPrefix" and key.previous_ends_at > item."reservedAt")
), refused as (
  select id, refusal from refused_by_limits((
    select jsonb_agg(jsonb_build_object('requestId', "requestId", 'keyId', "keyId", 'model', model,
      'admittedAt', "admittedAt", 'inputTokens', "inputTokens", 'outputTokens', "outputTokens",
      'totalTokens', "totalTokens", 'costMicros', "costMicros"))
    from live
    where exists (select from api_key_limits held where held.api_key_id = live."keyId")
  ))
), admitted as (
  select live.* from live where "requestId" not in (select id from refused)
), request as (
  ${insertRequest}, 'in_progress', 'usage_unknown', null, null, null, 1, null, decode("turnSha256", 'base64') from admitted
  on conflict do nothing
  returning id
), attempt as (
  insert into attempts (id, request_id, number, account_id, account_label, transport, status, started_at, decision)
  select "attemptId", "requestId", 1, "accountId", "accountLabel", transport, 'in_progress', "admittedAt", decision
  from admitted where "requestId" in (select id from request)
), entry as (
  insert into ledger_entries (${ledgerColumns})
  select "requestId", 'reservation', 'usage_unknown', "poolId", "keyId", "accountId", model, 1, "inputTokens",
    "cachedTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens", "totalTokens", "costMicros", "costStatus",
    "admittedAt"
  from admitted where "requestId" in (select id from request)
)
select "requestId" as id, refusal, request.id is null and "turnSha256" is not null and refusal is null
    and not exists (select from requests there where there.id = "requestId") as "isRepeated"
from live left join refused on refused.id = "requestId" left join request on request.id = "requestId", unhurried`;

/** What became of a wish to reserve. */
export type Reserved =
  | { readonly kind: 'reserved' }
  /** Its key may no longer be used. */
  | { readonly kind: 'key_ended' }
  /** A turn of this name was let in before. */
  | { readonly kind: 'repeated' }
  | { readonly kind: 'over_limit'; readonly refusal: LimitRefusal };

/** Writes requests with their first attempt and reservation, as far as their keys and limits let them in. */
export async function reserveRequests(pool: Queryable, items: readonly Reservation[]): Promise<Reserved[]> {
  const values = [JSON.stringify(items.map(({ estimate, ...item }) => ({ ...item, ...estimate })))];
  const rows = await runStatement<ReservedRow>(pool, { name: 'reserve_requests', text: reserveText, values });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return items.map(({ requestId }) => reservedOf(byId.get(requestId)));
}

interface ReservedRow {
  readonly id: string;
  readonly isRepeated: boolean;
  readonly refusal: (Omit<LimitRefusal, 'freeAt'> & { readonly freeAt: string | null }) | null;
}

function reservedOf(row: ReservedRow | undefined): Reserved {
  if (!row) return { kind: 'key_ended' };
  if (row.isRepeated) return { kind: 'repeated' };
  if (!row.refusal) return { kind: 'reserved' };
  const { freeAt, ...refusal } = row.refusal;
  return { kind: 'over_limit', refusal: { ...refusal, freeAt: freeAt === null ? null : new Date(freeAt) } };
}
