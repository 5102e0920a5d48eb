/** SQL of the fetched price list. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { PriceFile } from './prices.ts';

export interface StoredPriceList {
  /** In the form of whatever version stored it. */
  readonly body: unknown;
  readonly fetchedAt: Date;
  /** Where it was fetched; null when that was not noted. */
  readonly url: string | null;
}

/** null when none was fetched. */
export async function selectPriceList(db: Kysely<DB>): Promise<StoredPriceList | null> {
  return (await db.selectFrom('priceList').select(['body', 'fetchedAt', 'url']).executeTakeFirst()) ?? null;
}

/** Stores a list in place of the one before it, unless that one is newer and from the same address. */
export async function savePriceList(
  db: Kysely<DB>,
  { file, fetchedAt, url }: { file: PriceFile; fetchedAt: Date; url: string },
): Promise<void> {
  const row = { asOf: file.asOf, body: JSON.stringify(file), fetchedAt, url };
  await db
    .insertInto('priceList')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('isOnly')
        .doUpdateSet(row)
        .where((eb) =>
          eb.or([
            eb('priceList.asOf', '<=', eb.ref('excluded.asOf')),
            eb('priceList.url', 'is distinct from', eb.ref('excluded.url')),
          ]),
        ),
    )
    .execute();
}
