/**
 * SQL of an account's credentials: the sealed tokens, the claim to refresh them, and how a refresh ends. The claim is a
 * fencing number in the account's row, timed by the database clock, so processes with different clocks agree on it.
 */
import { type Kysely, sql } from 'kysely';
import type { AccountSecretKind, AccountStatus } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { SealedSecret } from '../security/vault.ts';

/** The part of an account's row that refreshing works with. */
export interface RefreshState {
  readonly status: AccountStatus;
  readonly statusReason: string | null;
  readonly statusChangedAt: Date;
  readonly credentialEpoch: number;
  readonly accessTokenExpiresAt: Date | null;
  readonly refreshFailures: number;
  readonly refreshNotBefore: Date | null;
  /** Judged by the database clock. */
  readonly isClaimed: boolean;
}

/** State of an account that is not removed, or undefined. */
export async function selectRefreshState(db: Kysely<DB>, accountId: string): Promise<RefreshState | undefined> {
  const row = await db
    .selectFrom('accounts')
    .select([
      'status',
      'statusReason',
      'statusChangedAt',
      'credentialEpoch',
      'accessTokenExpiresAt',
      'refreshFailures',
      'refreshNotBefore',
      sql<boolean>`coalesce(refresh_claimed_until > clock_timestamp(), false)`.as('isClaimed'),
    ])
    .where('id', '=', accountId)
    .where('deletedAt', 'is', null)
    .executeTakeFirst();
  return row && { ...row, status: row.status as AccountStatus };
}

/** How long a claim holds: the 30 s a refresh call may take, and time to store its answer (product spec 6.3). */
const claimSeconds = 50;

export interface RefreshClaim {
  readonly fence: number;
  /** The claim before this one was never given back: its refresh may have reached the provider. */
  readonly tookOver: boolean;
}

/** Claims the refresh of the credential with this epoch, or null when another holds the claim or the epoch moved on. */
export async function claimRefresh(
  db: Kysely<DB>,
  { accountId, epoch }: { accountId: string; epoch: number },
): Promise<RefreshClaim | null> {
  // Expressions on the right see the row as it was.
  const { rows } = await sql<{ fence: number; tookOver: boolean }>`
    update accounts set
      refresh_fence = refresh_fence + 1,
      refresh_claimed_until = clock_timestamp() + make_interval(secs => ${claimSeconds}),
      refresh_uncertain_at =
        case when refresh_claimed_until is not null then clock_timestamp() else refresh_uncertain_at end
    from (select id as claimed_id, refresh_claimed_until is not null as was_left from accounts
          where id = ${accountId} for update) as before
    where id = before.claimed_id and credential_epoch = ${epoch} and deleted_at is null
      and (refresh_claimed_until is null or refresh_claimed_until <= clock_timestamp())
    returning refresh_fence as fence, before.was_left as took_over
  `.execute(db);
  return rows[0] ?? null;
}

/** Notes that a refresh was sent and not answered, and holds the claim for one more try. False when the claim is lost. */
export async function markRefreshUncertain(
  db: Kysely<DB>,
  { accountId, fence, now }: { accountId: string; fence: number; now: Date },
): Promise<boolean> {
  const result = await db
    .updateTable('accounts')
    .set({
      refreshUncertainAt: now,
      refreshClaimedUntil: sql<Date>`clock_timestamp() + make_interval(secs => ${claimSeconds})`,
    })
    .where('id', '=', accountId)
    .where('refreshFence', '=', fence)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** What a successful refresh changes beside the secrets. A null plan or expiry keeps the old one. */
export interface RenewedFacts {
  readonly accountId: string;
  readonly fence: number;
  readonly now: Date;
  readonly accessTokenExpiresAt: Date | null;
  readonly plan: string | null;
}

/**
 * Ends a claim with success: epoch up by one, ready again unless paused. Null when the fence has moved on: then the
 * caller must roll back and not use what it got.
 */
export async function finishRenewed(
  transaction: Kysely<DB>,
  facts: RenewedFacts,
): Promise<{ epoch: number; accessTokenExpiresAt: Date | null } | null> {
  const { rows } = await sql<{ epoch: number; accessTokenExpiresAt: Date | null }>`
    update accounts set
      credential_epoch = credential_epoch + 1,
      access_token_expires_at = coalesce(${facts.accessTokenExpiresAt}, access_token_expires_at),
      plan = coalesce(${facts.plan}, plan),
      refreshed_at = ${facts.now},
      refresh_claimed_until = null,
      refresh_uncertain_at = null,
      refresh_failures = 0,
      refresh_not_before = null,
      status = case when status = 'paused' then status else 'active' end,
      status_reason = case when status = 'paused' then status_reason end,
      status_changed_at = case when status in ('active', 'paused') then status_changed_at else ${facts.now} end
    where id = ${facts.accountId} and refresh_fence = ${facts.fence} and deleted_at is null
    returning credential_epoch as epoch, access_token_expires_at
  `.execute(transaction);
  return rows[0] ?? null;
}

/** How a claim ends without new tokens. */
export interface FailedFacts {
  readonly accountId: string;
  readonly fence: number;
  readonly status: 'refresh_failed' | 'reauth_required';
  readonly reason: string;
  readonly now: Date;
  readonly notBefore: Date | null;
}

/**
 * Ends a claim without new tokens. An account that is paused or must be signed in again stays so when a try fails for
 * now; the end of its sign-in weighs more than a pause, or it would be tried again and again behind one. The time of the change is that of the first failure with the same reason. False when the
 * fence has moved on.
 */
export async function finishFailed(db: Kysely<DB>, facts: FailedFacts): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    update accounts set
      refresh_claimed_until = null,
      refresh_failures = refresh_failures + 1,
      refresh_not_before = ${facts.notBefore},
      status = next.status,
      status_reason = next.reason,
      status_changed_at =
        case when (accounts.status, accounts.status_reason) is not distinct from (next.status, next.reason)
          then status_changed_at else ${facts.now} end
    from (select id as next_id,
        case when keeps then status else ${facts.status} end as status,
        case when keeps then status_reason else ${facts.reason} end as reason
      from (select *, status in ('paused', 'reauth_required') and ${facts.status} = 'refresh_failed' as keeps
            from accounts where id = ${facts.accountId}) as held) as next
    where id = next.next_id and refresh_fence = ${facts.fence} and deleted_at is null
    returning id
  `.execute(db);
  return rows.length > 0;
}

/** A sealed token and the epoch it belongs to, or undefined when there is none. */
export async function selectSecret(
  db: Kysely<DB>,
  { accountId, kind }: { accountId: string; kind: AccountSecretKind },
): Promise<(SealedSecret & { epoch: number }) | undefined> {
  return db
    .selectFrom('accountSecrets')
    .innerJoin('accounts', 'accounts.id', 'accountSecrets.accountId')
    .select(['keyVersion', 'nonce', 'ciphertext', 'credentialEpoch as epoch'])
    .where('accountId', '=', accountId)
    .where('kind', '=', kind)
    .where('deletedAt', 'is', null)
    .executeTakeFirst();
}

/** Stores a sealed token in place of the one before it. */
export async function saveSecret(
  db: Kysely<DB>,
  secret: SealedSecret & { accountId: string; kind: AccountSecretKind; now: Date },
): Promise<void> {
  const { now, ...columns } = secret;
  await db
    .insertInto('accountSecrets')
    .values({ ...columns, writtenAt: now })
    .onConflict((conflict) =>
      conflict.columns(['accountId', 'kind']).doUpdateSet((eb) => ({
        keyVersion: eb.ref('excluded.keyVersion'),
        nonce: eb.ref('excluded.nonce'),
        ciphertext: eb.ref('excluded.ciphertext'),
        writtenAt: eb.ref('excluded.writtenAt'),
      })),
    )
    .execute();
}

/** What decides whether an account's tokens are due for a refresh. */
export interface RefreshSchedule {
  readonly id: string;
  readonly status: AccountStatus;
  readonly credentialEpoch: number;
  readonly accessTokenExpiresAt: Date | null;
  readonly refreshedAt: Date | null;
  readonly refreshNotBefore: Date | null;
  readonly createdAt: Date;
}

/** Schedules of all accounts whose sign-in still lives. */
export async function selectRefreshSchedules(db: Kysely<DB>): Promise<RefreshSchedule[]> {
  const rows = await db
    .selectFrom('accounts')
    .select(['id', 'status', 'credentialEpoch', 'accessTokenExpiresAt', 'refreshedAt', 'refreshNotBefore', 'createdAt'])
    .where('deletedAt', 'is', null)
    .where('status', 'in', ['active', 'refresh_failed', 'paused'] satisfies AccountStatus[])
    .execute();
  return rows.map((row) => ({ ...row, status: row.status as AccountStatus }));
}
