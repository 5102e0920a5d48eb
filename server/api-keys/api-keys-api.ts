/** Handlers of the API key endpoints. */
import type { Kysely } from 'kysely';
import type { ApiKey, apiKeys } from '../contract/api-keys.ts';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { openKeyPolicy, type KeyPolicy } from '../contract/key-policy.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Random } from '../world/world.ts';
import {
  deleteApiKey,
  insertApiKey,
  listApiKeys,
  lockApiKey,
  updateApiKey,
  type ApiKeyChanges,
  type ApiKeyRow,
} from './api-key-store.ts';
import { findKey } from './find-key.ts';
import type { KeyBook } from './key-book.ts';
import { makeKey } from './key-format.ts';
import { mayUseModel } from './key-policy.ts';
import { statusOf } from './key-status.ts';

export interface ApiKeysApiOptions {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: Pick<KeyBook, 'reload'>;
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
  async function findPool(slug: string): Promise<string> {
    const id = await poolIdBySlug(slug);
    if (id === undefined) throw new GatewayError('pool_not_found', { param: 'pool' });
    return id;
  }

  const find = (name: string) => findKey(db, name);

  /** Changes a key as `deed` says of what is stored now; other processes hear of it, this one knows at once. */
  async function change(name: string, deed: (row: ApiKeyRow) => ApiKeyChanges): Promise<{ key: ApiKey }> {
    const { id } = await find(name);
    const changed = await db.transaction().execute(async (transaction) => {
      const row = await lockApiKey(transaction, id);
      if (!row) throw new GatewayError('api_key_not_found', { param: 'key' });
      const changes = deed(row);
      if (Object.values(changes).every((value) => value === undefined)) return row;
      await updateApiKey(transaction, { id, changes });
      await announceChange(transaction, 'api_keys');
      return await lockApiKey(transaction, id);
    });
    await book.reload();
    if (!changed) throw new GatewayError('api_key_not_found', { param: 'key' });
    return { key: shown(changed, clock.now()) };
  }

  return {
    async create({ pool, policy: chosen, ...named }) {
      const poolId = await findPool(pool);
      const policy = merged(openKeyPolicy, chosen);
      const { secret, prefix, secretSha256 } = makeKey(random);
      const id = random.id();
      await insertApiKey(db, { ...named, id, poolId, policy, prefix, secretSha256, createdAt: clock.now() });
      await announceChange(db, 'api_keys');
      await book.reload();
      return { secret, key: shown(await find(id), clock.now()) };
    },

    async list() {
      const now = clock.now();
      return { keys: (await listApiKeys(db)).map((row) => shown(row, now)) };
    },

    async show({ key }) {
      return { key: shown(await find(key), clock.now()) };
    },

    async update({ key, pool, policy, ...named }) {
      const poolId = pool === undefined ? undefined : await findPool(pool);
      return change(key, (row) => ({
        ...(living(row) && named),
        poolId,
        // What cannot be read allowed nothing, and so does what it becomes until models are named.
        policy: policy && merged(row.policy ?? { ...openKeyPolicy, allowedModels: [] }, policy),
      }));
    },

    async pause({ key }) {
      return change(key, (row) => ({ pausedAt: living(row).pausedAt ?? clock.now() }));
    },

    async resume({ key }) {
      return change(key, (row) => ({ pausedAt: living(row) && null }));
    },

    async rotate({ key, overlapSeconds }) {
      const { secret, prefix, secretSha256 } = makeKey(random);
      const previousEndsAt = new Date(clock.now().getTime() + overlapSeconds * 1_000);
      const rotated = await change(key, (row) => ({
        prefix,
        secretSha256,
        previousPrefix: living(row).prefix,
        previousSecretSha256: row.secretSha256,
        previousEndsAt,
      }));
      return { ...rotated, secret };
    },

    async revoke({ key }) {
      return change(key, (row) => ({ revokedAt: row.revokedAt ?? clock.now() }));
    },

    async delete({ key }) {
      const row = await find(key);
      await deleteApiKey(db, row.id);
      await announceChange(db, 'api_keys');
      await book.reload();
      return { key: shown(row, clock.now()) };
    },
  };
}

/** A revoked key stays as it is (product spec 5.3). */
function living(row: ApiKeyRow): ApiKeyRow {
  if (row.revokedAt) throw new GatewayError('conflict', { param: 'key', detail: 'This key was revoked for good.' });
  return row;
}

type PolicyChanges = { readonly [Field in keyof KeyPolicy]?: KeyPolicy[Field] | undefined };

/** @throws {GatewayError} when the model that is always used is not allowed: every request would be refused. */
function merged(policy: KeyPolicy, changes: PolicyChanges): KeyPolicy {
  const named = Object.entries(changes).filter(([, value]) => value !== undefined);
  const next: KeyPolicy = { ...policy, ...Object.fromEntries(named) };
  if (next.enforcedModel === null || mayUseModel(next, next.enforcedModel)) return next;
  throw new GatewayError('invalid_request', {
    param: 'policy.enforcedModel',
    detail: 'The model that is always used must be among the allowed models.',
  });
}

function shown(row: ApiKeyRow, now: Date): ApiKey {
  const { id, name, prefix, poolSlug, policy, labels, notes, expiresAt, lastUsedAt, createdAt } = row;
  const { previousPrefix, previousEndsAt } = row;
  const isOverlapping = previousPrefix !== null && previousEndsAt !== null && previousEndsAt > now && !row.revokedAt;
  return {
    id,
    name,
    prefix,
    pool: poolSlug,
    status: statusOf(row, now),
    policy,
    labels: [...labels],
    notes,
    overlap: isOverlapping ? { prefix: previousPrefix, endsAt: previousEndsAt } : null,
    expiresAt,
    lastUsedAt,
    createdAt,
  };
}
