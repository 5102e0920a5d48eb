/** SQL of memberships: which account is in which Pool. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export interface Membership {
  readonly accountId: string;
  readonly poolId: string;
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
 * Places an account in a Pool and enables a membership that was not. The account stays locked until the transaction
 * ends, so it cannot be removed meanwhile.
 *
 * @returns what was there before, or `gone` when the account was removed
 */
export async function joinPool(
  transaction: Kysely<DB>,
  { now, ...membership }: Membership & { now: Date },
): Promise<'new' | 'member' | 'gone'> {
  const account = await transaction
    .selectFrom('accounts')
    .select('id')
    .where('id', '=', membership.accountId)
    .where('deletedAt', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (!account) return 'gone';
  const before = await transaction
    .selectFrom('poolAccounts')
    .select('status')
    .where('accountId', '=', membership.accountId)
    .where('poolId', '=', membership.poolId)
    .executeTakeFirst();
  await transaction
    .insertInto('poolAccounts')
    .values({ ...membership, createdAt: now })
    .onConflict((conflict) => conflict.columns(['poolId', 'accountId']).doUpdateSet({ status: 'enabled' }))
    .execute();
  return before?.status === 'enabled' ? 'member' : 'new';
}

/** Takes an account out of a Pool. False when it was not in it. */
export async function leavePool(db: Kysely<DB>, { accountId, poolId }: Membership): Promise<boolean> {
  const result = await db
    .deleteFrom('poolAccounts')
    .where('accountId', '=', accountId)
    .where('poolId', '=', poolId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
