/** Why a client may go on no longer, as the database knows it: the book of keys hears of a change a moment later. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { selectApiKey } from './api-key-store.ts';
import type { Client } from './key-book.ts';
import { endOf, type KeyEnd } from './key-status.ts';

/** Null when it may go on. */
export async function readKeyEnd(
  db: Kysely<DB>,
  { client, clock }: { client: Client; clock: Clock },
): Promise<KeyEnd | null> {
  const row = await selectApiKey(db, client.keyId);
  return row ? endOf(row, { client, now: clock.now() }) : 'api_key_missing';
}
