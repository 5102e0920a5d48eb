/** SQL of Pool API keys. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export interface ApiKeyRow {
  readonly id: string;
  readonly poolId: string;
  readonly poolSlug: string;
  readonly poolDisabledAt: Date | null;
  readonly name: string;
  readonly prefix: string;
  readonly secretSha256: Buffer;
  readonly allowedModels: string[] | null;
  readonly pausedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
}

/** Every key, newest first, with its Pool. */
export function listApiKeys(db: Kysely<DB>): Promise<ApiKeyRow[]> {
  return db
    .selectFrom('apiKeys')
    .innerJoin('pools', 'pools.id', 'apiKeys.poolId')
    .select([
      'apiKeys.id',
      'apiKeys.poolId',
      'pools.slug as poolSlug',
      'pools.disabledAt as poolDisabledAt',
      'apiKeys.name',
      'apiKeys.prefix',
      'apiKeys.secretSha256',
      'apiKeys.allowedModels',
      'apiKeys.pausedAt',
      'apiKeys.revokedAt',
      'apiKeys.expiresAt',
      'apiKeys.lastUsedAt',
      'apiKeys.createdAt',
    ])
    .orderBy('apiKeys.createdAt', 'desc')
    .orderBy('apiKeys.id')
    .execute();
}

export type NewApiKeyRow = Pick<
  ApiKeyRow,
  'id' | 'poolId' | 'name' | 'prefix' | 'secretSha256' | 'allowedModels' | 'expiresAt' | 'createdAt'
>;

export async function insertApiKey(db: Kysely<DB>, key: NewApiKeyRow): Promise<void> {
  await db.insertInto('apiKeys').values(key).execute();
}

/** Revokes a key for ever. Repeating it keeps the first time. */
export async function revokeApiKey(db: Kysely<DB>, { id, at }: { id: string; at: Date }): Promise<void> {
  await db
    .updateTable('apiKeys')
    .set((eb) => ({ revokedAt: eb.fn.coalesce('revokedAt', eb.val(at)) }))
    .where('id', '=', id)
    .execute();
}
