/** How administrators name a key. */
import type { Kysely } from 'kysely';
import { GatewayError } from '../contract/gateway-error.ts';
import type { DB } from '../database/tables.generated.ts';
import { listApiKeys, type ApiKeyRow } from './api-key-store.ts';

/**
 * A key by id, prefix, or a name that only one key has. Ambiguous names are refused rather than guessed.
 *
 * @throws {GatewayError} `api_key_not_found`, `conflict`.
 */
export async function findKey(db: Kysely<DB>, wanted: string): Promise<ApiKeyRow> {
  const rows = await listApiKeys(db);
  const exact =
    rows.find(({ id, prefix }) => id === wanted || prefix === wanted) ??
    rows.find(({ previousPrefix }) => previousPrefix === wanted);
  const named = rows.filter(({ name, revokedAt }) => name === wanted && !revokedAt);
  if (!exact && named.length > 1) {
    throw new GatewayError('conflict', { param: 'key', detail: 'Several keys have this name; use the prefix.' });
  }
  const row = exact ?? named[0];
  if (!row) throw new GatewayError('api_key_not_found', { param: 'key' });
  return row;
}
