/** SQL of a sign-in that is taken over: into a new account, or into the one that has its identity. */
import { type Kysely, sql } from 'kysely';
import type { OnboardingMethod } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';

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
