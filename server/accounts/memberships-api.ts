/** Handlers of the membership endpoints: accounts join and leave Pools. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { memberships } from '../contract/memberships.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import type { AccountBook } from './account-book.ts';
import { findAccountIds, findPoolId, selectAccountRows } from './account-store.ts';
import { joinPool, leavePool, type Membership } from './membership-store.ts';

export interface MembershipsApiParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly book: Pick<AccountBook, 'reload'>;
}

/** @example bind(memberships, createMembershipsApi({ db, clock, book })) */
export function createMembershipsApi({ db, clock, book }: MembershipsApiParts): Handlers<typeof memberships> {
  async function resolve({ account, pool }: { account: string; pool: string }): Promise<Membership> {
    const poolId = await findPoolId(db, pool);
    if (poolId === null) throw new GatewayError('pool_not_found', { param: 'pool' });
    const [accountId, another] = await findAccountIds(db, account.trim());
    if (accountId === undefined) throw new GatewayError('account_not_found', { param: 'account' });
    if (another !== undefined) {
      throw new GatewayError('conflict', { param: 'account', detail: 'Several accounts have this name; use the id.' });
    }
    return { accountId, poolId };
  }

  /** Memberships are a part of what the engine knows of an account, so they are announced as such. */
  async function change(membership: Membership, deed: (transaction: Kysely<DB>) => Promise<{ wasMember: boolean }>) {
    const { wasMember } = await db.transaction().execute(async (transaction) => {
      await announceChange(transaction, 'accounts');
      return deed(transaction);
    });
    await book.reload();
    const [row] = await selectAccountRows(db, membership.accountId);
    if (!row) throw new GatewayError('account_not_found', { param: 'account' });
    return { account: { id: row.id, label: row.label, pools: [...row.pools] }, wasMember };
  }

  return {
    async join(input) {
      const membership = await resolve(input);
      return change(membership, async (transaction) => {
        const before = await joinPool(transaction, { ...membership, now: clock.now() });
        if (before === 'gone') throw new GatewayError('account_not_found', { param: 'account' });
        return { wasMember: before === 'member' };
      });
    },

    async leave(input) {
      const membership = await resolve(input);
      return change(membership, async (transaction) => ({ wasMember: await leavePool(transaction, membership) }));
    },
  };
}
