/** The account rooms wired to a test database and the sandbox, as `app.ts` wires them, for tests of accounts alone. */
import { createAccountBoard, type AccountBoard } from '../../server/accounts/account-board.ts';
import { createAccountBook, type AccountBook } from '../../server/accounts/account-book.ts';
import { createAskAccount } from '../../server/accounts/ask-account.ts';
import { createAccountReader } from '../../server/accounts/account-reader.ts';
import { createAccountsApi } from '../../server/accounts/accounts-api.ts';
import { createTokenKeeper, type TokenKeeper } from '../../server/accounts/token-keeper.ts';
import { createCatalog, type Catalog } from '../../server/catalog/catalog.ts';
import { saveCatalog } from '../../server/catalog/catalog-store.ts';
import { fetchCatalog } from '../../server/catalog/fetch-catalog.ts';
import type { accounts } from '../../server/contract/accounts.ts';
import type { Handlers } from '../../server/contract/endpoint.ts';
import type { Database } from '../../server/database/connect.ts';
import { createVault, type Vault } from '../../server/security/vault.ts';
import { createAccountCalls } from '../../server/upstream/account-calls.ts';
import { createUsageProbes } from '../../server/upstream/probe-usage.ts';
import { createTokenRefresher } from '../../server/upstream/refresh-token.ts';
import { createNetwork } from '../../server/world/network.ts';
import { systemClock, systemRandom as random } from '../../server/world/real-world.ts';
import type { Clock, Log } from '../../server/world/world.ts';
import { keepingLog } from './quiet-log.ts';

/** One root key for every test process, so that two of them can read each other's secrets. */
export const testKey = Buffer.alloc(32, 7);

/** Real time, moved by `aheadMs`, with time limits that can be shortened. */
export interface TestClock extends Clock {
  /** How far `now()` is ahead of the system clock. */
  aheadMs: number;
  /** Every timer fires after this share of its time. */
  timerShare: number;
}

export function createTestClock(): TestClock {
  const clock: TestClock = {
    ...systemClock,
    aheadMs: 0,
    timerShare: 1,
    now: () => new Date(Date.now() + clock.aheadMs),
    timer: (ms, fire) => systemClock.timer(ms * clock.timerShare, fire),
  };
  return clock;
}

export interface AccountRooms {
  readonly clock: TestClock;
  readonly log: ReturnType<typeof keepingLog>;
  readonly vault: Vault;
  readonly book: AccountBook;
  readonly board: AccountBoard;
  readonly keeper: TokenKeeper;
  readonly catalog: Catalog;
  readonly api: Handlers<typeof accounts>;
  stop(): Promise<void>;
}

/** @param options.url of the sandbox */
export function accountRooms({
  database: { db },
  url,
  clock = createTestClock(),
  log = keepingLog(),
}: {
  database: Pick<Database, 'db'>;
  url: string;
  clock?: TestClock;
  log?: Log & ReturnType<typeof keepingLog>;
}): AccountRooms {
  const network = createNetwork();
  const version = '0.0.0-test';
  const vault = createVault({
    root: 'upstream',
    keyRing: { active: { version: 'v1', key: testKey }, previous: [] },
    random,
  });
  const catalog = createCatalog({ db, log });
  const board = createAccountBoard();
  const book = createAccountBook({
    db,
    modelsOf: (accountId) => catalog.modelsOf(accountId),
    heldOf: (accountId) => board.held(accountId),
  });
  const askForTokens = createTokenRefresher({ network, clock, authUrl: url, version });
  const keeper = createTokenKeeper({ db, vault, clock, random, log, book, askForTokens });
  const askBackend = createAccountCalls({ network, clock, upstreamUrl: url, version });
  const probes = createUsageProbes({ askBackend, clock, upstreamUrl: url });
  const clientVersion = '0.169.0';
  const reader = createAccountReader({
    db,
    ask: createAskAccount(keeper),
    onSavedResets: async () => undefined,
    board,
    clock,
    log,
    questions: {
      usage: (ask) => probes.usage(ask),
      workspace: (ask) => probes.workspace(ask),
      async models({ account, accessToken }) {
        const get = (path: string, { maxBytes }: { maxBytes: number }) =>
          askBackend({ account, accessToken, path, maxBytes, atWorkspaceOrigin: true });
        const answer = await fetchCatalog({ get, clientVersion });
        if (answer.found) {
          const { body, etag } = answer.found;
          await saveCatalog(db, { accountId: account.id, body, etag, clientVersion, fetchedAt: clock.now() });
        }
        return answer;
      },
    },
  });
  const api = createAccountsApi({
    db,
    vault,
    clock,
    random,
    log,
    book,
    board,
    keeper,
    reader,
    startAnew: () => undefined,
    models: catalog,
  });
  const stop = async (): Promise<void> => {
    await keeper.stop();
    await network.stop();
  };
  return { clock, log, vault, book, board, keeper, catalog, api, stop };
}

/** Empties the accounts and makes sure that the Pool `default` exists. */
export async function freshAccounts({ db, pool }: Database): Promise<void> {
  await pool.query('truncate accounts cascade');
  await db
    .insertInto('pools')
    .values({ id: random.id(), slug: 'default', name: 'Default', createdAt: new Date() })
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .execute();
}
