/** SQL of model lists: one per account, byte for byte as the provider sent it. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { AccountCatalog } from './union-catalog.ts';

/** A stored list with when and how it was asked for. */
export interface StoredCatalog extends AccountCatalog {
  readonly clientVersion: string;
  readonly fetchedAt: Date;
}

/** Stores an account's list in place of the one before it. */
export async function saveCatalog(db: Kysely<DB>, catalog: StoredCatalog): Promise<void> {
  const { accountId, ...columns } = catalog;
  await db
    .insertInto('accountCatalogs')
    .values({ accountId, ...columns })
    .onConflict((conflict) => conflict.column('accountId').doUpdateSet(columns))
    .execute();
}

/** When each account's list was fetched; enough to see which lists must be read again. */
export async function selectCatalogTimes(
  db: Kysely<DB>,
): Promise<Pick<StoredCatalog, 'accountId' | 'fetchedAt' | 'clientVersion'>[]> {
  return db.selectFrom('accountCatalogs').select(['accountId', 'fetchedAt', 'clientVersion']).execute();
}

/** The lists of these accounts. */
export async function selectCatalogs(db: Kysely<DB>, accountIds: readonly string[]): Promise<StoredCatalog[]> {
  if (accountIds.length === 0) return [];
  return db.selectFrom('accountCatalogs').selectAll().where('accountId', 'in', accountIds).execute();
}
