/** Pools as the outside sees them, how they route, and their endpoints. */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';
import { ServingMode, StrategyName, type ServingMode as Mode } from './vocabulary.ts';

/** `^[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])?$` (product spec 1.2). */
export const PoolSlug = z
  .string()
  .max(80)
  .regex(/^[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens');

const PoolName = z.string().trim().min(1).max(160);

/** How a Pool treats its requests (gateway spec 0). A change holds for requests that come after it. */
export const PoolRouting = z.object({
  strategy: StrategyName,
  /** How many accounts one request may try. */
  ringSize: z.number().int().min(1).max(100),
  /** What `soonest_reset` leaves of an account's limits as long as another may serve, in percent. */
  floorPercent: z.number().int().min(0).max(99),
  /** A Codex conversation stays with the account that served it, whichever way it comes in. */
  stickyWebsocket: z.boolean(),
  /** A conversation of a plain client does, which only its prompt cache key names. */
  stickyHttp: z.boolean(),
  /** Requests with the same prompt cache key meet the same account. */
  promptCacheAffinity: z.boolean(),
  /** Answers the `/v1` routes. */
  v1Compatibility: z.boolean(),
  /** Shortens tool outputs before they are sent on. */
  requestCompression: z.boolean(),
  /** Answers the image routes. */
  imageGeneration: z.boolean(),
});
export type PoolRouting = z.infer<typeof PoolRouting>;

/** What a Pool routes by until someone changes it (gateway spec 0). The columns of `pools` have the same defaults. */
export const defaultPoolRouting: PoolRouting = Object.freeze({
  strategy: 'bridge_ring',
  ringSize: 3,
  floorPercent: 5,
  stickyWebsocket: true,
  stickyHttp: false,
  promptCacheAffinity: true,
  v1Compatibility: true,
  requestCompression: false,
  imageGeneration: true,
});

const ChosenMode = ServingMode.exclude(['auto']);
export type ChosenMode = Exclude<Mode, 'auto'>;

export const Pool = z.object({
  id: z.uuid(),
  slug: PoolSlug,
  name: z.string(),
  isDisabled: z.boolean(),
  accountCount: z.number().int(),
  keyCount: z.number().int(),
  createdAt: Instant,
  routing: PoolRouting,
  /** Models that are not served as their list says. */
  servingModes: z.record(z.string(), ChosenMode),
});
export type Pool = z.infer<typeof Pool>;

const output = z.object({ pool: Pool });
const pool = PoolSlug.describe('the slug of a Pool');

export const pools = {
  list: query('pools.list', { input: z.object({}).strict(), output: z.object({ pools: z.array(Pool) }) }),
  create: command('pools.create', {
    input: z
      .object({
        name: PoolName,
        /** Made from the name when absent. */
        slug: PoolSlug.optional(),
        routing: PoolRouting.partial().strict().default({}),
      })
      .strict(),
    output,
    audit: ['pool.id', 'pool.slug', 'pool.name', 'routing'],
  }),
  update: command('pools.update', {
    input: z.object({ pool, name: PoolName.optional(), slug: PoolSlug.optional() }).strict(),
    output,
    audit: ['pool.id', 'pool.slug', 'pool.name'],
  }),
  /** Its keys stop working until it is enabled again. */
  disable: command('pools.disable', {
    input: z.object({ pool }).strict(),
    output,
    audit: ['pool.id', 'pool.slug'],
  }),
  enable: command('pools.enable', {
    input: z.object({ pool }).strict(),
    output,
    audit: ['pool.id', 'pool.slug'],
  }),
};

/** How a Pool chooses among its accounts, and how it serves its models. */
export const routing = {
  /** Changes the named fields; the others stay, also when somebody else changes them at the same time. */
  change: command('routing.change', {
    input: z.object({ pool, changes: PoolRouting.partial().strict() }).strict(),
    output,
    audit: ['pool.id', 'pool.slug', 'changes'],
  }),
  /** How one model is served; `auto` takes the choice back. */
  serve: command('routing.serve', {
    input: z.object({ pool, model: ModelName, mode: ServingMode }).strict(),
    output,
    audit: ['pool.id', 'pool.slug', 'model', 'mode'],
  }),
};
