/** Pool API keys as the outside sees them, and their endpoints. A secret appears once, in the answer to `create`. */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { PoolSlug } from './pools.ts';
import { ApiKeyStatus } from './vocabulary.ts';

export const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  /** The visible start, `sk-cxp-<12 hex>`. */
  prefix: z.string(),
  pool: PoolSlug,
  status: ApiKeyStatus,
  /** null allows every model, an empty list none. */
  allowedModels: z.array(z.string()).nullable(),
  expiresAt: Instant.nullable(),
  lastUsedAt: Instant.nullable(),
  createdAt: Instant,
});
export type ApiKey = z.infer<typeof ApiKey>;

export const apiKeys = {
  create: command('api-keys.create', {
    input: z
      .object({
        name: z.string().trim().min(1).max(160),
        pool: PoolSlug.default('default'),
        allowedModels: z.array(z.string().trim().min(1).max(255)).max(200).nullable().default(null),
        expiresAt: Instant.nullable().default(null),
      })
      .strict(),
    output: z.object({ key: ApiKey, secret: z.string() }),
    audit: ['key.id', 'key.name', 'key.prefix', 'key.pool'],
  }),
  list: query('api-keys.list', { input: z.object({}).strict(), output: z.object({ keys: z.array(ApiKey) }) }),
  revoke: command('api-keys.revoke', {
    input: z.object({ key: z.string().min(1).max(200).describe('id, prefix or name') }).strict(),
    output: z.object({ key: ApiKey }),
    audit: ['key.id', 'key.name', 'key.prefix', 'key.pool'],
  }),
};
