/**
 * All keys in memory, so a request is recognised without asking the database. The book is loaded again whenever a key
 * or Pool changes, here or in another process; the reservation checks the row once more before anything is spent.
 */
import type { Kysely } from 'kysely';
import type { ApiKeyStatus } from '../contract/vocabulary.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { listApiKeys, type ApiKeyRow } from './api-key-store.ts';
import { isSameSecret, readKey } from './key-format.ts';

/** Who is asking: a key that may be used now. */
export interface Client {
  readonly keyId: string;
  readonly keyName: string;
  readonly keyPrefix: string;
  readonly poolId: string;
  readonly allowedModels: readonly string[] | null;
}

export interface KeyBook {
  /**
   * The client behind an `authorization` header.
   *
   * @throws {GatewayError} `api_key_missing` for no header, another scheme, an unknown key, a wrong secret and a
   *   disabled Pool alike; `api_key_revoked`, `_paused`, `_expired` only after the secret matched.
   */
  authenticate(authorization: string | undefined): Client;
  reload(): Promise<void>;
}

/** Compared against when the prefix is unknown, so that both refusals take the same time. */
const noSecret = Buffer.alloc(32);

export function createKeyBook({ db, clock }: { db: Kysely<DB>; clock: Clock }): KeyBook {
  let byPrefix: ReadonlyMap<string, ApiKeyRow> = new Map();

  function authenticate(authorization: string | undefined): Client {
    const presented = readKey(bearerOf(authorization));
    const row = presented ? byPrefix.get(presented.prefix) : undefined;
    const isMatch = isSameSecret(presented?.secretSha256 ?? noSecret, row?.secretSha256 ?? noSecret);
    if (!row || !presented || !isMatch || row.poolDisabledAt) throw new GatewayError('api_key_missing');
    const status = statusOf(row, clock.now());
    if (status !== 'active') throw new GatewayError(`api_key_${status}`);
    return {
      keyId: row.id,
      keyName: row.name,
      keyPrefix: row.prefix,
      poolId: row.poolId,
      allowedModels: row.allowedModels,
    };
  }

  async function reload(): Promise<void> {
    byPrefix = new Map((await listApiKeys(db)).map((row) => [row.prefix, row]));
  }

  return { authenticate, reload };
}

/** The token of `Bearer <token>`; the scheme is compared without case (RFC 9110 §11.1). Empty when there is none. */
export function bearerOf(authorization: string | undefined): string {
  return /^bearer +(\S{1,4096})$/i.exec(authorization ?? '')?.[1] ?? '';
}

/** Derived from dates, so a key expires without anybody acting. */
export function statusOf(key: Pick<ApiKeyRow, 'revokedAt' | 'expiresAt' | 'pausedAt'>, now: Date): ApiKeyStatus {
  if (key.revokedAt) return 'revoked';
  if (key.expiresAt && key.expiresAt <= now) return 'expired';
  if (key.pausedAt) return 'paused';
  return 'active';
}

/** May this client use the model? Case and spaces do not matter; an empty list allows none (product spec 5.3). */
export function mayUseModel(client: Pick<Client, 'allowedModels'>, model: string): boolean {
  const wanted = model.trim().toLowerCase();
  return (
    client.allowedModels === null || client.allowedModels.some((allowed) => allowed.trim().toLowerCase() === wanted)
  );
}
