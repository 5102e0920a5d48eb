/** How every Pool routes, in memory, so that a request learns it without asking the database. */
import type { Kysely } from 'kysely';
import { defaultPoolRouting, type PoolRouting } from '../contract/pools.ts';
import type { ServingMode } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import { selectPoolRouting } from './pool-store.ts';

export interface PoolBook {
  /**
   * How this Pool routes now: one frozen object per change, so a request that keeps it sees no change while it runs. A
   * Pool that was made a moment ago elsewhere and is not read yet routes by the defaults.
   */
  routingOf(poolId: string): PoolRouting;
  /** How this Pool has the model served, whatever its case (gateway spec 2.7). */
  servingModeOf(poolId: string, model: string): ServingMode;
  /** Reads everything again. Calls come after one another, each reading the newest state. */
  reload(): Promise<void>;
}

interface Held {
  readonly routing: PoolRouting;
  readonly servingModes: ReadonlyMap<string, ServingMode>;
}

/**
 * An empty book; call `reload()` before the first use and on every change of the topic `pools`.
 *
 * @example const { strategy, ringSize } = book.routingOf(client.poolId);
 */
export function createPoolBook({ db }: { db: Kysely<DB> }): PoolBook {
  let byId: ReadonlyMap<string, Held> = new Map();
  let reading: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const rows = await selectPoolRouting(db);
    byId = new Map(
      rows.map(({ id, routing, servingModes }) => [
        id,
        { routing: Object.freeze(routing), servingModes: new Map(Object.entries(servingModes)) },
      ]),
    );
  }

  return {
    routingOf: (poolId) => byId.get(poolId)?.routing ?? defaultPoolRouting,
    servingModeOf: (poolId, model) => byId.get(poolId)?.servingModes.get(model.trim().toLowerCase()) ?? 'auto',
    reload() {
      reading = reading
        .catch(() => undefined) // whoever asked for that reading hears of its failure
        .then(read);
      return reading;
    },
  };
}
