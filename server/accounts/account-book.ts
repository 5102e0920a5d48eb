/** Every account as the engine sees it, held in memory and read again whenever the database says it changed. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { AccountFacts } from './account.ts';
import { selectAccountFacts } from './account-store.ts';
import type { HeldAccount } from './held-account.ts';

export interface AccountBook {
  /** All accounts that are not removed, oldest first. The list is replaced, never changed. */
  all(): readonly AccountFacts[];
  /** Accounts with an enabled membership in the Pool, oldest first, whatever their status. */
  inPool(poolId: string): readonly AccountFacts[];
  byId(id: string): AccountFacts | undefined;
  /** Reads everything again. Calls during a reading share one further reading, so none misses a change. */
  reload(): Promise<void>;
}

/**
 * An empty book; call `reload()` before the first use and on every change of the topics `accounts` and `catalog`.
 *
 * @param options.modelsOf the models of an account's list, null while none was read
 * @param options.heldOf what the board holds of an account, the same object at every reading
 * @param options.onRead hears of every account at every reading
 */
export function createAccountBook({
  db,
  modelsOf,
  heldOf,
  onRead,
}: {
  db: Kysely<DB>;
  modelsOf: (accountId: string) => AccountFacts['models'];
  heldOf: (accountId: string) => HeldAccount;
  onRead?: (account: AccountFacts) => void;
}): AccountBook {
  let accounts: readonly AccountFacts[] = [];
  let byId = new Map<string, AccountFacts>();
  let byPool = new Map<string, AccountFacts[]>();
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  async function read(): Promise<void> {
    const rows = await selectAccountFacts(db);
    accounts = rows.map((row) => ({ ...row, models: modelsOf(row.id), held: heldOf(row.id) }));
    byId = new Map(accounts.map((account) => [account.id, account]));
    byPool = new Map();
    for (const account of accounts) {
      onRead?.(account);
      for (const poolId of account.poolIds) byPool.set(poolId, [...(byPool.get(poolId) ?? []), account]);
    }
  }

  function reload(): Promise<void> {
    if (running === null) {
      running = read().finally(() => (running = null));
      return running;
    }
    next ??= running
      .catch(() => undefined) // whoever asked for that reading hears of its failure
      .then(() => {
        next = null;
        return reload();
      });
    return next;
  }

  return {
    all: () => accounts,
    inPool: (poolId) => byPool.get(poolId) ?? [],
    byId: (id) => byId.get(id),
    reload,
  };
}
