/** The admin endpoints of accounts. */
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Account, accounts } from '../contract/accounts.ts';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Vault } from '../security/vault.ts';
import type { Clock, Log, Random } from '../world/world.ts';
import type { AccountBoard } from './account-board.ts';
import type { AccountBook } from './account-book.ts';
import type { AccountReader } from './account-reader.ts';
import {
  findAccountIds,
  markAccountDeleted,
  pauseAccount,
  selectAccountRows,
  type AccountRow,
} from './account-store.ts';
import { importAccount } from './import-account.ts';
import { readAuthJson } from './read-auth-json.ts';
import { freshnessOf } from './quota.ts';
import { selectRefreshState } from './refresh-store.ts';
import type { TokenKeeper } from './token-keeper.ts';

/** The model lists, as far as accounts show them. */
export interface AccountModels {
  modelsOf(accountId: string): ReadonlyMap<string, unknown> | null;
  fetchedAt(accountId: string): Date | null;
  reload(): Promise<void>;
}

export interface AccountsApiParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly book: Pick<AccountBook, 'reload'>;
  readonly board: Pick<AccountBoard, 'readings' | 'credits' | 'forget'>;
  readonly keeper: Pick<TokenKeeper, 'renew'>;
  readonly reader: AccountReader;
  /** Forgets what attempts taught of an account. */
  readonly startAnew: (accountId: string) => void;
  readonly models: AccountModels;
}

/** @example const handlers = createAccountsApi({ db, vault, clock, random, log, book, board, keeper, reader, startAnew, models }); */
export function createAccountsApi(parts: AccountsApiParts): Handlers<typeof accounts> {
  const { db, vault, clock, random, log, book, board, keeper, reader, startAnew, models } = parts;

  /** So that what was just changed holds for this process's next request too, without waiting for the change feed. */
  async function reload(): Promise<void> {
    await models.reload();
    await book.reload();
  }

  async function resolve(name: string): Promise<string> {
    const ids = await findAccountIds(db, name.trim());
    if (ids.length > 1) {
      throw new GatewayError('conflict', { detail: 'Several accounts have this name; use the id.', param: 'account' });
    }
    if (ids[0] === undefined) throw new GatewayError('account_not_found', { param: 'account' });
    return ids[0];
  }

  async function show(accountId: string): Promise<z.input<typeof Account>> {
    const [row] = await selectAccountRows(db, accountId);
    if (!row) throw new GatewayError('account_not_found');
    return toAccount(row);
  }

  function toAccount(row: AccountRow): z.input<typeof Account> {
    return {
      ...row,
      pools: [...row.pools],
      quota: board
        .readings(row.id)
        .map((reading) => ({ ...reading, freshness: freshnessOf(reading, clock.now()) }))
        .toSorted(byMeterAndLength),
      credits: board.credits(row.id),
      models: [...(models.modelsOf(row.id)?.keys() ?? [])],
      modelsFetchedAt: models.fetchedAt(row.id),
    };
  }

  /** @throws {GatewayError} `account_signed_out`: it serves nobody, whatever is wanted of it. */
  async function setPaused(accountId: string, isPaused: boolean) {
    await db.transaction().execute(async (transaction) => {
      await pauseAccount(transaction, { id: accountId, isPaused, now: clock.now() });
      await announceChange(transaction, 'accounts');
    });
    await reload();
    const shown = await show(accountId);
    if (shown.status === 'reauth_required') throw new GatewayError('account_signed_out');
    log.info('account_status_changed', { accountId, status: shown.status });
    return shown;
  }

  async function readAndShow(accountId: string) {
    const readings = await reader.read(accountId);
    await reload();
    return { account: await show(accountId), ...readings };
  }

  return {
    async import({ authJson, pool, label }) {
      const signIn = readAuthJson(authJson);
      const ask = { signIn, pool, label, newId: random.id(), now: clock.now() };
      const { accountId, outcome } = await importAccount(db, { vault, ask });
      startAnew(accountId);
      log.info('account_imported', { accountId, outcome });
      await reload();
      return { ...(await readAndShow(accountId)), wasKnown: outcome !== 'new' };
    },

    async list() {
      const rows = await selectAccountRows(db);
      return { accounts: rows.map(toAccount) };
    },

    async refresh({ account }) {
      const accountId = await resolve(account);
      const state = await selectRefreshState(db, accountId);
      if (!state) throw new GatewayError('account_not_found', { param: 'account' });
      const result = await keeper.renew({ accountId, seenEpoch: state.credentialEpoch, reason: 'manual' });
      await reload();
      if (result.kind === 'signed_out') throw new GatewayError('account_signed_out');
      if (result.kind === 'failed_for_now') throw new GatewayError('account_refresh_failed');
      return readAndShow(accountId);
    },

    async pause({ account }) {
      return { account: await setPaused(await resolve(account), true) };
    },

    async resume({ account }) {
      const accountId = await resolve(account);
      await setPaused(accountId, false);
      return readAndShow(accountId);
    },

    async remove({ account }) {
      const accountId = await resolve(account);
      const { id, label } = await show(accountId);
      const now = clock.now();
      const isRemoved = await db.transaction().execute(async (transaction) => {
        const wasThere = await markAccountDeleted(transaction, { id: accountId, now });
        if (wasThere) await announceChange(transaction, 'accounts');
        return wasThere;
      });
      if (!isRemoved) throw new GatewayError('account_not_found', { param: 'account' });
      startAnew(accountId);
      board.forget(accountId);
      log.info('account_removed', { accountId });
      await reload();
      return { account: { id, label } };
    },
  };
}

function byMeterAndLength(
  a: { meter: string; windowMinutes: number },
  b: { meter: string; windowMinutes: number },
): number {
  return a.meter === b.meter ? a.windowMinutes - b.windowMinutes : a.meter < b.meter ? -1 : 1;
}
