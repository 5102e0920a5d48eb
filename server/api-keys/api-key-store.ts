/** SQL of Pool API keys. */
import type { Kysely } from 'kysely';
import { KeyPolicy, openKeyPolicy } from '../contract/key-policy.ts';
import type { DB } from '../database/tables.generated.ts';

export interface ApiKeyRow {
  readonly id: string;
  readonly poolId: string;
  readonly poolSlug: string;
  readonly poolDisabledAt: Date | null;
  readonly name: string;
  readonly prefix: string;
  readonly secretSha256: Buffer;
  /** The secret before the last rotation; it works until `previousEndsAt`. */
  readonly previousPrefix: string | null;
  readonly previousSecretSha256: Buffer | null;
  readonly previousEndsAt: Date | null;
  /** null when what is stored cannot be read. */
  readonly policy: KeyPolicy | null;
  readonly labels: readonly string[];
  readonly notes: string;
  readonly pausedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
}

const columns = [
  'apiKeys.id',
  'apiKeys.poolId',
  'pools.slug as poolSlug',
  'pools.disabledAt as poolDisabledAt',
  'apiKeys.name',
  'apiKeys.prefix',
  'apiKeys.secretSha256',
  'apiKeys.previousPrefix',
  'apiKeys.previousSecretSha256',
  'apiKeys.previousEndsAt',
  'apiKeys.policy',
  'apiKeys.labels',
  'apiKeys.notes',
  'apiKeys.pausedAt',
  'apiKeys.revokedAt',
  'apiKeys.expiresAt',
  'apiKeys.lastUsedAt',
  'apiKeys.createdAt',
] as const;

/** Every key, newest first, with its Pool. */
export async function listApiKeys(db: Kysely<DB>): Promise<ApiKeyRow[]> {
  const rows = await selectKeys(db).orderBy('apiKeys.createdAt', 'desc').orderBy('apiKeys.id').execute();
  return rows.map(readRow);
}

/** One key as it is now, with its Pool. */
export async function selectApiKey(db: Kysely<DB>, id: string): Promise<ApiKeyRow | undefined> {
  const row = await selectKeys(db).where('apiKeys.id', '=', id).executeTakeFirst();
  return row && readRow(row);
}

/** One key, held against changes by others until the transaction ends. */
export async function lockApiKey(transaction: Kysely<DB>, id: string): Promise<ApiKeyRow | undefined> {
  const row = await selectKeys(transaction).where('apiKeys.id', '=', id).forUpdate('apiKeys').executeTakeFirst();
  return row && readRow(row);
}

function selectKeys(db: Kysely<DB>) {
  return db.selectFrom('apiKeys').innerJoin('pools', 'pools.id', 'apiKeys.poolId').select(columns);
}

function readRow<Row extends { policy: unknown }>(row: Row): Omit<Row, 'policy'> & { policy: KeyPolicy | null } {
  return { ...row, policy: readPolicy(row.policy) };
}

/** A field that is absent restricts nothing; one that is not understood makes the whole policy unreadable. */
function readPolicy(stored: unknown): KeyPolicy | null {
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return null;
  return KeyPolicy.safeParse({ ...openKeyPolicy, ...stored }).data ?? null;
}

export type NewApiKeyRow = Pick<
  ApiKeyRow,
  'id' | 'poolId' | 'name' | 'prefix' | 'secretSha256' | 'expiresAt' | 'createdAt'
> & { readonly policy: KeyPolicy; readonly labels?: readonly string[]; readonly notes?: string };

/** Nobody hears of it before its caller announces the change. */
export async function insertApiKey(db: Kysely<DB>, { policy, labels = [], ...key }: NewApiKeyRow): Promise<void> {
  await db
    .insertInto('apiKeys')
    .values({ ...key, labels: [...labels], policy: JSON.stringify(policy) })
    .execute();
}

/** What may be changed of a key; what is absent or undefined stays. */
export interface ApiKeyChanges {
  readonly poolId?: string | undefined;
  readonly name?: string | undefined;
  readonly policy?: KeyPolicy | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly notes?: string | undefined;
  readonly expiresAt?: Date | null | undefined;
  readonly pausedAt?: Date | null | undefined;
  readonly revokedAt?: Date | undefined;
  readonly prefix?: string | undefined;
  readonly secretSha256?: Buffer | undefined;
  readonly previousPrefix?: string | undefined;
  readonly previousSecretSha256?: Buffer | undefined;
  readonly previousEndsAt?: Date | undefined;
}

/** Changes the named columns of a key, of which there is at least one. */
export async function updateApiKey(
  db: Kysely<DB>,
  { id, changes: { policy, labels, ...changes } }: { id: string; changes: ApiKeyChanges },
): Promise<void> {
  await db
    .updateTable('apiKeys')
    .set({
      ...changes,
      ...(labels && { labels: [...labels] }),
      ...(policy && { policy: JSON.stringify(policy) }),
    })
    .where('id', '=', id)
    .execute();
}

/** Removes a key. What it used stays in requests and ledger, which keep its name beside its id. */
export async function deleteApiKey(db: Kysely<DB>, id: string): Promise<void> {
  await db.deleteFrom('apiKeys').where('id', '=', id).execute();
}
