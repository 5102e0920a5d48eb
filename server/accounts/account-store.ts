/** SQL of accounts: who they are, how they stand, and their end. Every function takes a connection or a transaction. */
import { type Kysely, sql } from 'kysely';
import { accountStatuses, type AccountStatus, type OnboardingMethod } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { StoredAccountFacts } from './account.ts';

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

/** Labels are what people call an account by; nothing else follows from one. */
export async function renameAccount(db: Kysely<DB>, { id, label }: { id: string; label: string }): Promise<void> {
  await db.updateTable('accounts').set({ label }).where('id', '=', id).execute();
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
