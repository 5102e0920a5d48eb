/** Pools as the outside sees them, and their endpoints. */
import { z } from 'zod';
import { query } from './endpoint.ts';
import { Instant } from './instant.ts';

/** `^[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])?$` (product spec 1.2). */
export const PoolSlug = z
  .string()
  .max(80)
  .regex(/^[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens');

export const Pool = z.object({
  id: z.uuid(),
  slug: PoolSlug,
  name: z.string(),
  isDisabled: z.boolean(),
  accountCount: z.number().int(),
  keyCount: z.number().int(),
  createdAt: Instant,
});
export type Pool = z.infer<typeof Pool>;

export const pools = {
  list: query('pools.list', { input: z.object({}).strict(), output: z.object({ pools: z.array(Pool) }) }),
};
