/** SQL of accounts and their Pool memberships. Every function takes a connection or a transaction. */
import { type Kysely, sql } from 'kysely';
import { accountStatuses, type AccountStatus, type OnboardingMethod } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { StoredAccountFacts } from './account.ts';

/** What an imported sign-in says of its account. */
export interface AccountIdentity {
  readonly chatgptAccountId: string;
  readonly chatgptUserId: string | null;
  readonly email: string | null;
  readonly plan: string | null;
  readonly residency: string | null;
  readonly isFedramp: boolean;
  readonly accessTokenExpiresAt: Date | null;
  /** When the tokens were issued, as far as they say. */
  readonly issuedAt: Date | null;
}

/** An account row as the admin side shows it. */
export interface AccountRow {
  readonly id: string;
  readonly label: string;
  readonly email: string | null;
  readonly plan: string | null;
  readonly onboarding: OnboardingMethod;
  readonly status: AccountStatus;
  readonly statusReason: string | null;
  readonly statusChangedAt: Date;
  readonly accessTokenExpiresAt: Date | null;
  readonly refreshedAt: Date | null;
  readonly createdAt: Date;
  /** When its limits were last asked for, and why that brought nothing; null when it did. */
  readonly limitsAskedAt: Date | null;
  readonly limitsProblem: string | null;
  readonly pools: readonly string[];
}

/** The words themselves, not a row's copies: every choice compares the status of every account. */
const statusByWord = new Map((Object.keys(accountStatuses) as AccountStatus[]).map((word) => [word as string, word]));

/** Facts of every account that is not removed, oldest first, or of the one with this id. */
export async function selectAccountFacts(db: Kysely<DB>, id?: string): Promise<StoredAccountFacts[]> {
  const rows = await db
    .selectFrom('accounts')
    .leftJoin('poolAccounts', (join) =>
      join.onRef('poolAccounts.accountId', '=', 'accounts.id').on('poolAccounts.status', '=', 'enabled'),
    )
    .select((eb) => [
      'accounts.id',
      'label',
      'email',
      'plan',
      'accounts.status',
      'statusReason',
      'chatgptAccountId',
      'residency',
      'isFedramp',
      'backendOrigin',
      'routingOverride',
      'accessTokenExpiresAt',
      'credentialEpoch',
      'accounts.createdAt',
      eb.fn.agg<(string | null)[]>('array_agg', ['poolAccounts.poolId']).as('poolIds'),
    ])
    .where('deletedAt', 'is', null)
    .$if(id !== undefined, (query) => query.where('accounts.id', '=', id!))
    .groupBy('accounts.id')
    .orderBy('accounts.createdAt')
    .orderBy('accounts.id')
    .execute();
  return rows.map((row) => ({
    ...row,
    status: statusByWord.get(row.status) ?? (row.status as AccountStatus),
    poolIds: row.poolIds.filter((id) => id !== null),
  }));
}

/** Account rows for the admin side, oldest first: one by id, or all that are not removed. */
export async function selectAccountRows(db: Kysely<DB>, id?: string): Promise<AccountRow[]> {
  const rows = await db
    .selectFrom('accounts')
    .leftJoin('poolAccounts', 'poolAccounts.accountId', 'accounts.id')
    .leftJoin('pools', 'pools.id', 'poolAccounts.poolId')
    .leftJoin('accountProbes', 'accountProbes.accountId', 'accounts.id')
    .select((eb) => [
      'accounts.id',
      'label',
      'email',
      'plan',
      'onboarding',
      'accounts.status',
      'statusReason',
      'statusChangedAt',
      'accessTokenExpiresAt',
      'refreshedAt',
      'accounts.createdAt',
      'accountProbes.askedAt as limitsAskedAt',
      'accountProbes.problem as limitsProblem',
      eb.fn.agg<(string | null)[]>('array_agg', ['pools.slug']).as('pools'),
    ])
    .where('deletedAt', 'is', null)
    .$if(id !== undefined, (query) => query.where('accounts.id', '=', id!))
    .groupBy(['accounts.id', 'accountProbes.accountId'])
    .orderBy('accounts.createdAt')
    .orderBy('accounts.id')
    .execute();
  return rows.map((row) => ({
    ...row,
    status: row.status as AccountStatus,
    onboarding: row.onboarding as OnboardingMethod,
    pools: row.pools.filter((slug) => slug !== null).toSorted(),
  }));
}

/** Ids of the accounts that this word names: by id, else by label, else by e-mail (both in any case). */
export async function findAccountIds(db: Kysely<DB>, name: string): Promise<string[]> {
  const rows = await db
    .selectFrom('accounts')
    .select(['id', sql<boolean>`lower(label) = lower(${name})`.as('isLabel')])
    .where('deletedAt', 'is', null)
    .where((eb) =>
      eb.or([
        eb(sql<string>`id::text`, '=', name.toLowerCase()),
        eb(sql<string>`lower(label)`, '=', name.toLowerCase()),
        eb(sql<string>`lower(email)`, '=', name.toLowerCase()),
      ]),
    )
    .orderBy('createdAt')
    .execute();
  const exact = rows.filter((row) => row.id === name.toLowerCase());
  const labelled = rows.filter((row) => row.isLabel);
  const found = exact.length > 0 ? exact : labelled.length > 0 ? labelled : rows;
  return found.map((row) => row.id);
}

/** Id of the Pool with this slug, or null. */
export async function findPoolId(db: Kysely<DB>, slug: string): Promise<string | null> {
  const row = await db.selectFrom('pools').select('id').where('slug', '=', slug).executeTakeFirst();
  return row?.id ?? null;
}

/** Which of these labels an account has already. */
export async function takenLabels(db: Kysely<DB>, labels: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('accounts')
    .select('label')
    .where('deletedAt', 'is', null)
    .where('label', 'in', labels)
    .execute();
  return new Set(rows.map((row) => row.label));
}

/** The known account of an identity, locked until the transaction ends, so two imports of it go one after the other. */
export async function lockKnownAccount(transaction: Kysely<DB>, identity: AccountIdentity) {
  // No row to lock on a first import: the lock is on the identity's name.
  const name = `${identity.chatgptAccountId} ${identity.chatgptUserId ?? ''}`;
  await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(transaction);
  return transaction
    .selectFrom('accounts')
    .select(['id', 'status', 'refreshedAt'])
    .where('chatgptAccountId', '=', identity.chatgptAccountId)
    .where(sql<string>`coalesce(chatgpt_user_id, '')`, '=', identity.chatgptUserId ?? '')
    .where('deletedAt', 'is', null)
    .forUpdate()
    .executeTakeFirst();
}

/** Adds an account with its first credential (epoch 1). */
export async function insertAccount(
  db: Kysely<DB>,
  account: AccountIdentity & { id: string; label: string; onboarding: OnboardingMethod; now: Date },
): Promise<void> {
  const { issuedAt, now, ...columns } = account;
  await db
    .insertInto('accounts')
    .values({ ...columns, status: 'active', statusChangedAt: now, refreshedAt: issuedAt, createdAt: now })
    .execute();
}

/**
 * Gives a known account the identity of a newer sign-in: active again, epoch up by one, and the refresh fence up by
 * one, so an answer to a refresh with the old tokens finds its claim gone and cannot overwrite the new ones.
 */
export async function renewAccountIdentity(
  db: Kysely<DB>,
  { id, identity, now }: { id: string; identity: AccountIdentity; now: Date },
): Promise<void> {
  await db
    .updateTable('accounts')
    .set((eb) => ({
      email: eb.fn.coalesce(eb.val(identity.email), 'email'),
      plan: eb.fn.coalesce(eb.val(identity.plan), 'plan'),
      residency: identity.residency,
      isFedramp: identity.isFedramp,
      accessTokenExpiresAt: identity.accessTokenExpiresAt,
      refreshedAt: identity.issuedAt,
      credentialEpoch: eb('credentialEpoch', '+', 1),
      refreshFence: eb('refreshFence', '+', 1),
      refreshClaimedUntil: null,
      refreshUncertainAt: null,
      refreshFailures: 0,
      refreshNotBefore: null,
      status: sql<string>`case when status = 'paused' then status else 'active' end`,
      statusReason: null,
      statusChangedAt: sql<Date>`case when status in ('active', 'paused') then status_changed_at else ${now} end`,
    }))
    .where('id', '=', id)
    .execute();
}

/** Labels are what people call an account by; nothing else follows from one. */
export async function renameAccount(db: Kysely<DB>, { id, label }: { id: string; label: string }): Promise<void> {
  await db.updateTable('accounts').set({ label }).where('id', '=', id).execute();
}

/** Places an account in a Pool; nothing happens when it is there already. */
export async function addMembership(
  db: Kysely<DB>,
  membership: { poolId: string; accountId: string; now: Date },
): Promise<void> {
  const { now, ...columns } = membership;
  await db
    .insertInto('poolAccounts')
    .values({ ...columns, createdAt: now })
    .onConflict((conflict) => conflict.columns(['poolId', 'accountId']).doNothing())
    .execute();
}

/**
 * Takes an account out until it is resumed, or puts it back. Nothing changes for one that is so already, nor for one that
 * must be signed in again: that weighs more than what an operator wants of it.
 */
export async function pauseAccount(
  db: Kysely<DB>,
  { id, isPaused, now }: { id: string; isPaused: boolean; now: Date },
): Promise<void> {
  const before: AccountStatus[] = isPaused ? ['active', 'refresh_failed'] : ['paused'];
  await db
    .updateTable('accounts')
    .set({ status: isPaused ? 'paused' : 'active', statusReason: null, statusChangedAt: now })
    .where('id', '=', id)
    .where('status', 'in', before)
    .execute();
}

/**
 * Removes an account for good: secrets, memberships, readings and model list go, the row stays for the accounting that
 * names it. False when it was gone already.
 */
export async function markAccountDeleted(
  transaction: Kysely<DB>,
  { id, now }: { id: string; now: Date },
): Promise<boolean> {
  const result = await transaction
    .updateTable('accounts')
    .set((eb) => ({
      status: 'deleted',
      statusReason: null,
      statusChangedAt: now,
      deletedAt: now,
      refreshFence: eb('refreshFence', '+', 1),
      refreshClaimedUntil: null,
    }))
    .where('id', '=', id)
    .where('deletedAt', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await transaction.deleteFrom('accountSecrets').where('accountId', '=', id).execute();
  await transaction.deleteFrom('poolAccounts').where('accountId', '=', id).execute();
  await transaction.deleteFrom('quotaWindows').where('accountId', '=', id).execute();
  await transaction.deleteFrom('accountCredits').where('accountId', '=', id).execute();
  await transaction.deleteFrom('resetBanks').where('accountId', '=', id).execute();
  await transaction.deleteFrom('resetCredits').where('accountId', '=', id).execute();
  await transaction.deleteFrom('accountCatalogs').where('accountId', '=', id).execute();
  return true;
}

/** Stores what accounts/check said: where this workspace's inference goes, null for the provider's default. */
export async function saveWorkspace(
  db: Kysely<DB>,
  workspace: { id: string; backendOrigin: string | null; routingOverride: string | null },
): Promise<boolean> {
  const { id, backendOrigin, routingOverride } = workspace;
  const result = await db
    .updateTable('accounts')
    .set({ backendOrigin, routingOverride })
    .where('id', '=', id)
    .where((eb) =>
      eb.or([
        eb('backendOrigin', 'is distinct from', backendOrigin),
        eb('routingOverride', 'is distinct from', routingOverride),
      ]),
    )
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Stores the plan the provider names, which is fresher than the token's claim. True when it changed. */
export async function savePlan(db: Kysely<DB>, { id, plan }: { id: string; plan: string }): Promise<boolean> {
  const result = await db
    .updateTable('accounts')
    .set({ plan })
    .where('id', '=', id)
    .where('plan', 'is distinct from', plan)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
