/** Handlers of the API key endpoints. */
import type { Kysely } from 'kysely';
import type { ApiKey, apiKeys } from '../contract/api-keys.ts';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Random } from '../world/world.ts';
import { insertApiKey, listApiKeys, revokeApiKey, type ApiKeyRow } from './api-key-store.ts';
import { statusOf, type KeyBook } from './key-book.ts';
import { makeKey } from './key-format.ts';

export interface ApiKeysApiOptions {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: KeyBook;
  /** The id of a Pool by its slug; undefined when there is none. */
  readonly poolIdBySlug: (slug: string) => Promise<string | undefined>;
}

export function createApiKeysApi({
  db,
  clock,
  random,
  book,
  poolIdBySlug,
}: ApiKeysApiOptions): Handlers<typeof apiKeys> {
  /** Other processes hear of the change; this one knows at once. */
  async function changed(): Promise<void> {
    await announceChange(db, 'api_keys');
    await book.reload();
  }

  return {
    async create({ name, pool, allowedModels, expiresAt }) {
      const poolId = await poolIdBySlug(pool);
      if (!poolId) throw new GatewayError('pool_not_found', { param: 'pool' });
      const { secret, prefix, secretSha256 } = makeKey(random);
      const row = {
        id: random.id(),
        poolId,
        name,
        prefix,
        secretSha256,
        allowedModels,
        expiresAt,
        createdAt: clock.now(),
      };
      await insertApiKey(db, row);
      await changed();
      return {
        secret,
        key: shown(
          { ...row, poolSlug: pool, poolDisabledAt: null, pausedAt: null, revokedAt: null, lastUsedAt: null },
          clock.now(),
        ),
      };
    },

    async list() {
      const now = clock.now();
      return { keys: (await listApiKeys(db)).map((row) => shown(row, now)) };
    },

    async revoke({ key: name }) {
      const row = onlyMatch(await listApiKeys(db), name);
      const now = clock.now();
      await revokeApiKey(db, { id: row.id, at: now });
      await changed();
      return { key: shown({ ...row, revokedAt: row.revokedAt ?? now }, now) };
    },
  };
}

/** A key by id, prefix, or a name that only one key has. Ambiguous names are refused rather than guessed. */
function onlyMatch(rows: readonly ApiKeyRow[], wanted: string): ApiKeyRow {
  const exact = rows.find(({ id, prefix }) => id === wanted || prefix === wanted);
  const named = rows.filter(({ name, revokedAt }) => name === wanted && !revokedAt);
  if (!exact && named.length > 1) {
    throw new GatewayError('conflict', { param: 'key', detail: 'Several keys have this name; use the prefix.' });
  }
  const row = exact ?? named[0];
  if (!row) throw new GatewayError('api_key_not_found', { param: 'key' });
  return row;
}

function shown(row: ApiKeyRow, now: Date): ApiKey {
  const { id, name, prefix, poolSlug, allowedModels, expiresAt, lastUsedAt, createdAt } = row;
  return {
    id,
    name,
    prefix,
    pool: poolSlug,
    status: statusOf(row, now),
    allowedModels,
    expiresAt,
    lastUsedAt,
    createdAt,
  };
}
