/** Which account is in which Pool: one account may be in several. */
import { z } from 'zod';
import { Account, AccountName } from './accounts.ts';
import { command } from './endpoint.ts';
import { PoolSlug } from './pools.ts';

/** The account with every Pool it is in now. */
const Member = Account.pick({ id: true, label: true, pools: true });

const input = z.object({ account: AccountName, pool: PoolSlug }).strict();

export const memberships = {
  join: command('accounts.join', {
    input,
    output: z.object({ account: Member, wasMember: z.boolean() }),
    audit: ['account.id', 'account.label', 'pool', 'wasMember'],
  }),
  /** The account stays linked and in its other Pools. */
  leave: command('accounts.leave', {
    input,
    output: z.object({ account: Member, wasMember: z.boolean() }),
    audit: ['account.id', 'account.label', 'pool', 'wasMember'],
  }),
};
