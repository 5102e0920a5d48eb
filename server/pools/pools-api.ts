/** Handlers of the Pool endpoints. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import type { pools } from '../contract/pools.ts';
import type { DB } from '../database/tables.generated.ts';
import { listPools } from './pool-store.ts';

export function createPoolsApi({ db }: { db: Kysely<DB> }): Handlers<typeof pools> {
  return {
    async list() {
      const rows = await listPools(db);
      return { pools: rows.map(({ disabledAt, ...row }) => ({ ...row, isDisabled: disabledAt !== null })) };
    },
  };
}
