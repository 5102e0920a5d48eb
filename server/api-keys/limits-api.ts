/** Handlers of the endpoints for what keys may use. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { KeyLimit, limits } from '../contract/limits.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Random } from '../world/world.ts';
import { findKey } from './find-key.ts';
import type { LimitBook } from './limit-book.ts';
import { deleteLimit, limitsInUse, setLimit } from './limit-store.ts';

export interface LimitsApiOptions {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: LimitBook;
}

export function createLimitsApi({ db, clock, random, book }: LimitsApiOptions): Handlers<typeof limits> {
  /** Other processes hear of the change; this one knows at once. */
  async function changed(): Promise<void> {
    await announceChange(db, 'api_keys');
    await book.reload();
  }

  return {
    async set({ key, ...limit }) {
      const { id: keyId } = await findKey(db, key);
      const at = clock.now();
      const id = await setLimit(db, { ...limit, id: random.id(), keyId, at });
      await changed();
      const [shown] = await limitsInUse(db, { keyId, id, at });
      if (!shown) throw new GatewayError('conflict', { detail: 'The limit was removed at the same moment.' });
      return { limit: shown };
    },

    async remove({ key, ...wanted }) {
      const { id: keyId } = await findKey(db, key);
      const held = await limitsInUse(db, { keyId, at: clock.now() });
      const limit = held.find((each) => isSame(each, wanted));
      if (!limit) throw new GatewayError('limit_not_found');
      await deleteLimit(db, { keyId, id: limit.id });
      await changed();
      return { limit };
    },

    async list({ key }) {
      const { id: keyId } = await findKey(db, key);
      return { limits: await limitsInUse(db, { keyId, at: clock.now() }) };
    },
  };
}

type LimitName = Pick<KeyLimit, 'unit' | 'window' | 'model'>;

function isSame(one: LimitName, other: LimitName): boolean {
  return one.unit === other.unit && one.window === other.window && one.model === other.model;
}
