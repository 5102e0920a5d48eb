/** What one key used altogether, from the hourly sums: they outlive ledger and request log. */
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { KeyUsage } from './usage.ts';

/** All that the sums hold of the key, over all its Pools and models; a request that still runs is not among it. */
export async function readKeyUsage(db: Kysely<DB>, keyId: string): Promise<KeyUsage> {
  const sum = (column: 'requests' | 'totalTokens' | 'cachedTokens' | 'costMicros') =>
    sql<string>`coalesce(sum(${sql.ref(column)}), 0)`;
  const row = await db
    .selectFrom('usageHours')
    .select([
      sum('requests').as('requests'),
      sum('totalTokens').as('totalTokens'),
      sum('cachedTokens').as('cachedTokens'),
      sum('costMicros').as('costMicros'),
    ])
    .where('apiKeyId', '=', keyId)
    .executeTakeFirstOrThrow();
  return {
    requests: Number(row.requests),
    totalTokens: Number(row.totalTokens),
    cachedTokens: Number(row.cachedTokens),
    costMicros: Number(row.costMicros),
  };
}
