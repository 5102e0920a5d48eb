/**
 * Pool API keys as the outside sees them, and their endpoints. A secret appears once, in the answer to `create` or
 * `rotate`.
 */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { KeyPolicy } from './key-policy.ts';
import { PoolSlug } from './pools.ts';
import { ApiKeyStatus } from './vocabulary.ts';

const KeyName = z.string().trim().min(1).max(160);
const Labels = z.array(z.string().trim().min(1).max(40)).max(20);
const Notes = z.string().trim().max(2_000);

/** How long a rotated key's former secret may go on working. */
export const longestOverlapSeconds = 7 * 86_400;

export const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  /** The visible start, `sk-cxp-<12 hex>`. */
  prefix: z.string(),
  pool: PoolSlug,
  status: ApiKeyStatus,
  /** null: what is stored cannot be read, and the key may do nothing until it is set again. */
  policy: KeyPolicy.nullable(),
  labels: z.array(z.string()),
  notes: z.string(),
  /** The start of the former secret as long as it works beside the new one. */
  overlap: z.object({ prefix: z.string(), endsAt: Instant }).nullable(),
  expiresAt: Instant.nullable(),
  lastUsedAt: Instant.nullable(),
  createdAt: Instant,
});
export type ApiKey = z.infer<typeof ApiKey>;

const key = z.string().min(1).max(200).describe('id, prefix or name');
const one = z.object({ key }).strict();
const output = z.object({ key: ApiKey });
const audit = ['key.id', 'key.name', 'key.prefix', 'key.pool'];

export const apiKeys = {
  create: command('api-keys.create', {
    input: z
      .object({
        name: KeyName,
        pool: PoolSlug.default('default'),
        policy: KeyPolicy.partial().default({}),
        labels: Labels.default([]),
        notes: Notes.default(''),
        expiresAt: Instant.nullable().default(null),
      })
      .strict(),
    output: z.object({ key: ApiKey, secret: z.string() }),
    audit: [...audit, 'policy', 'expiresAt'],
  }),
  list: query('api-keys.list', { input: z.object({}).strict(), output: z.object({ keys: z.array(ApiKey) }) }),
  show: query('api-keys.show', { input: one, output }),
  /** Changes the named fields; the others stay. What is running goes on under what held when it began. */
  update: command('api-keys.update', {
    input: z
      .object({
        key,
        name: KeyName.optional(),
        pool: PoolSlug.optional(),
        policy: KeyPolicy.partial().optional(),
        labels: Labels.optional(),
        notes: Notes.optional(),
        expiresAt: Instant.nullable().optional(),
      })
      .strict(),
    output,
    audit: [...audit, 'name', 'pool', 'policy', 'expiresAt'],
  }),
  /** Its requests are refused until it is resumed; running ones end by themselves. */
  pause: command('api-keys.pause', { input: one, output, audit }),
  resume: command('api-keys.resume', { input: one, output, audit }),
  /** A new secret for the same key, with its history. The former one ends at once, or after the overlap. */
  rotate: command('api-keys.rotate', {
    input: z.object({ key, overlapSeconds: z.number().int().min(0).max(longestOverlapSeconds).default(0) }).strict(),
    output: z.object({ key: ApiKey, secret: z.string() }),
    audit: [...audit, 'overlapSeconds'],
  }),
  /** Ends it, and a former secret that still works, for good. */
  revoke: command('api-keys.revoke', { input: one, output, audit }),
  /** Removes it from the list; what it used stays on record. */
  delete: command('api-keys.delete', {
    input: one,
    output: z.object({ key: ApiKey.pick({ id: true, name: true, prefix: true, pool: true }) }),
    audit,
  }),
};
