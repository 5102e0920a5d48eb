/** Handlers of the Pool and routing endpoints. */
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { Pool, pools, routing } from '../contract/pools.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Random } from '../world/world.ts';
import { makeSlug } from './make-slug.ts';
import {
  defaultPoolSlug,
  disablePool,
  insertPool,
  listPools,
  poolIdBySlug,
  storeServingMode,
  updatePool,
  type PoolRow,
} from './pool-store.ts';

export interface PoolsApiParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Random;
  /** Reads again what this process holds of Pools, so that a change holds for its next request. */
  readonly reload: () => Promise<unknown>;
}

/** @example bind(pools, createPoolsApi({ db, clock, random, reload: () => Promise.all([poolBook.reload(), keys.reload()]) })) */
export function createPoolsApi({ db, clock, random, reload }: PoolsApiParts): Handlers<typeof pools> {
  const { change, find } = createChanger({ db, reload });

  return {
    async list() {
      return { pools: (await listPools(db)).map(shown) };
    },

    async create({ name, slug: chosen, routing }) {
      const slug = chosen ?? makeSlug(name);
      if (slug === null) {
        throw new GatewayError('invalid_request', { param: 'slug', detail: 'slug: the name makes none; choose one.' });
      }
      const id = random.id();
      return change(id, async (transaction) => {
        const isNew = await insertPool(transaction, { id, slug, name, createdAt: clock.now(), routing });
        if (!isNew) throw slugTaken();
      });
    },

    async update({ pool, ...changes }) {
      const id = await find(pool);
      if (pool === defaultPoolSlug && changes.slug !== undefined && changes.slug !== pool) {
        throw new GatewayError('conflict', { param: 'slug', detail: 'The Pool "default" keeps its slug.' });
      }
      return change(id, async (transaction) => {
        if (!(await updatePool(transaction, { id, changes }))) throw slugTaken();
      });
    },

    async disable({ pool }) {
      const id = await find(pool);
      return change(id, (transaction) => disablePool(transaction, { id, at: clock.now() }));
    },

    async enable({ pool }) {
      const id = await find(pool);
      return change(id, (transaction) => disablePool(transaction, { id, at: null }));
    },
  };
}

/** @example bind(routing, createRoutingApi({ db, reload: () => poolBook.reload() })) */
export function createRoutingApi({ db, reload }: Pick<PoolsApiParts, 'db' | 'reload'>): Handlers<typeof routing> {
  const { change, find } = createChanger({ db, reload });
  return {
    async change({ pool, changes }) {
      const id = await find(pool);
      return change(id, async (transaction) => void (await updatePool(transaction, { id, changes })));
    },

    async serve({ pool, model, mode }) {
      const poolId = await find(pool);
      return change(poolId, (transaction) => storeServingMode(transaction, { poolId, model, mode }));
    },
  };
}

/** What every change of a Pool has in common: it is one transaction, announced, read again, and shown. */
function createChanger({ db, reload }: Pick<PoolsApiParts, 'db' | 'reload'>) {
  return {
    /** @throws {GatewayError} `pool_not_found` */
    async find(slug: string): Promise<string> {
      const id = await poolIdBySlug(db, slug);
      if (id === undefined) throw new GatewayError('pool_not_found', { param: 'pool' });
      return id;
    },

    async change(id: string, deed: (transaction: Kysely<DB>) => Promise<void>) {
      await db.transaction().execute(async (transaction) => {
        await deed(transaction);
        await announceChange(transaction, 'pools');
      });
      await reload();
      const [row] = await listPools(db, id);
      if (!row) throw new GatewayError('pool_not_found', { param: 'pool' });
      return { pool: shown(row) };
    },
  };
}

function shown({ disabledAt, ...row }: PoolRow): z.input<typeof Pool> {
  return { ...row, isDisabled: disabledAt !== null };
}

function slugTaken(): GatewayError {
  return new GatewayError('conflict', { param: 'slug', detail: 'Another Pool has this slug.' });
}
