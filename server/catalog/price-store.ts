/** SQL of the fetched price list. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { PriceFile } from './prices.ts';

/** The list as it was stored, in the form of whatever version stored it; null when none was fetched. */
export async function selectPriceList(db: Kysely<DB>): Promise<{ body: unknown; fetchedAt: Date } | null> {
  return (await db.selectFrom('priceList').select(['body', 'fetchedAt']).executeTakeFirst()) ?? null;
}

/** Stores a list in place of the one before it, unless that one is newer. */
export async function savePriceList(
  db: Kysely<DB>,
  { file, fetchedAt }: { file: PriceFile; fetchedAt: Date },
): Promise<void> {
  const row = { asOf: file.asOf, body: JSON.stringify(file), fetchedAt };
  await db
    .insertInto('priceList')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('isOnly').doUpdateSet(row).whereRef('priceList.asOf', '<=', 'excluded.asOf'),
    )
    .execute();
}
