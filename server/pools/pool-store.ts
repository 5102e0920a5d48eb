/** SQL of Pools. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export interface PoolRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
  readonly accountCount: number;
  readonly keyCount: number;
}

/** Every Pool, oldest first, with what is in it. */
export function listPools(db: Kysely<DB>): Promise<PoolRow[]> {
  return db
    .selectFrom('pools')
    .select((eb) => [
      'id',
      'slug',
      'name',
      'disabledAt',
      'createdAt',
      eb
        .selectFrom('poolAccounts')
        .whereRef('poolAccounts.poolId', '=', 'pools.id')
        .select((inner) => inner.fn.countAll<number>().as('n'))
        .$asScalar()
        .$notNull()
        .as('accountCount'),
      eb
        .selectFrom('apiKeys')
        .whereRef('apiKeys.poolId', '=', 'pools.id')
        .where('revokedAt', 'is', null)
        .select((inner) => inner.fn.countAll<number>().as('n'))
        .$asScalar()
        .$notNull()
        .as('keyCount'),
    ])
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}

export async function poolIdBySlug(db: Kysely<DB>, slug: string): Promise<string | undefined> {
  const row = await db.selectFrom('pools').select('id').where('slug', '=', slug).executeTakeFirst();
  return row?.id;
}

/** Makes the Pool every new account and key goes into unless another is named. Safe to repeat. */
export async function ensureDefaultPool(db: Kysely<DB>, { id, now }: { id: string; now: Date }): Promise<void> {
  await db
    .insertInto('pools')
    .values({ id, slug: 'default', name: 'Default', createdAt: now })
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .execute();
}
