/** What the database says, held in memory and read again whenever it changes, here or in another process. */
import { hostname } from 'node:os';
import { createAccountBoard, type AccountBoard } from '../accounts/account-board.ts';
import { createAccountBook, type AccountBook } from '../accounts/account-book.ts';
import { loadCredits, loadQuotaReadings, saveCredits, saveQuotaReadings } from '../accounts/quota-store.ts';
import { circuitRulesOf } from '../accounts/circuit-rules.ts';
import { createKeyBook, type KeyBook } from '../api-keys/key-book.ts';
import { createLimitBook, type LimitBook } from '../api-keys/limit-book.ts';
import { createCatalog, type Catalog } from '../catalog/catalog.ts';
import { createPriceBook, type PriceBook } from '../catalog/price-book.ts';
import type { ChangeTopic } from '../contract/vocabulary.ts';
import { errorFacts } from '../observe/log.ts';
import type { Storage } from '../open-storage.ts';
import { createAttemptHealth, type AttemptHealth } from '../gateway/attempt/attempt-health.ts';
import { createPoolBook, type PoolBook } from '../pools/pool-book.ts';
import { ensureDefaultPool } from '../pools/pool-store.ts';
import { createLastSuccesses, type LastSuccesses } from '../accounts/last-successes.ts';
import { selectLastSuccesses } from '../usage/last-success-store.ts';
import { createSettingsBook, type SettingsBook } from '../settings/settings.ts';
import { version } from '../version.ts';
import type { World } from '../world/world.ts';

export interface Books {
  readonly settings: SettingsBook;
  readonly keys: KeyBook;
  readonly limits: LimitBook;
  readonly pools: PoolBook;
  readonly catalog: Catalog;
  readonly prices: PriceBook;
  readonly accounts: AccountBook;
  readonly board: AccountBoard;
  /** What attempts taught of accounts: circuits, demotions, refused models, a machine without network. */
  readonly health: AttemptHealth;
  /** When each account last served. */
  readonly successes: LastSuccesses;
  /** This process's number: rows of running requests carry it, and its lock shows that it lives. */
  readonly processNumber: number;
  /** Stores the quota readings and credits that changed. */
  saveReadings(): Promise<void>;
  /** Takes what other processes stored meanwhile: a limit that one of them met holds for all. */
  takeReadings(): Promise<void>;
  /** Reads nothing again from here on, and sees through what is being read: the database closes next. */
  stop(): Promise<void>;
}

/** Opens every book, filled, and keeps it current until the storage closes. */
export async function openBooks(storage: Storage, world: World): Promise<Books> {
  const { clock, random, log } = world;
  const { changes } = storage;
  const { db } = storage.database;
  const settings = createSettingsBook({ db, log });
  const keys = createKeyBook({ db, clock });
  const limits = createLimitBook({ db });
  const pools = createPoolBook({ db });
  const catalog = createCatalog({ db, log });
  const prices = createPriceBook({ db, log, url: () => settings.current()['catalog.prices_url'] });
  const board = createAccountBoard();
  const accounts = createAccountBook({
    db,
    modelsOf: (accountId) => catalog.modelsOf(accountId),
    heldOf: (accountId) => board.held(accountId),
    onRead: (account) => board.noteCredential(account.id, account.credentialEpoch),
  });
  const health = createAttemptHealth({
    clock,
    log,
    rules: () => circuitRulesOf(settings.current()),
    onTrouble: (accountId, isTroubled) => board.noteTrouble(accountId, isTroubled),
  });
  const successes = createLastSuccesses((accountId) => board.held(accountId));

  await ensureDefaultPool(db, { id: random.id(), now: clock.now() });
  const processNumber = await registerProcess(storage);
  await changes.holdProcessLock(processNumber);
  await takeReadings();
  successes.restore(await selectLastSuccesses(db), clock.now());

  const reloads: Record<ChangeTopic, () => Promise<unknown>> = {
    settings: () => settings.reload().then(() => prices.reload()),
    prices: () => prices.reload(),
    api_keys: () => Promise.all([keys.reload(), limits.reload()]),
    // Open sockets are looked at when the keys were read, and what their Pools allow must be known by then.
    pools: () => pools.reload().then(() => Promise.all([keys.reload(), accounts.reload()])),
    catalog: () => catalog.reload().then(() => accounts.reload()),
    accounts: () => catalog.reload().then(() => accounts.reload()),
  };
  await Promise.all([reloads.settings(), reloads.api_keys(), reloads.catalog(), pools.reload()]);
  const reading = new Set<Promise<void>>();
  const unsubscribers = (Object.keys(reloads) as ChangeTopic[]).map((topic) =>
    changes.subscribe(topic, () => {
      const read = reloads[topic]().then(
        () => undefined,
        (error: unknown) => log.error('reload_failed', { topic, ...errorFacts(error) }),
      );
      reading.add(read);
      void read.then(() => reading.delete(read));
    }),
  );

  async function stop(): Promise<void> {
    for (const unsubscribe of unsubscribers) unsubscribe();
    await Promise.all(reading);
    keys.stop();
  }

  async function takeReadings(): Promise<void> {
    board.restore(await loadQuotaReadings(db), clock.now());
    board.restoreCredits(await loadCredits(db), clock.now());
  }

  async function saveReadings(): Promise<void> {
    const readings = board.takeDirtyReadings();
    const credits = board.takeDirtyCredits();
    try {
      await saveQuotaReadings(db, readings);
      await saveCredits(db, credits);
    } catch (error) {
      // Not stored, so they must not count as stored.
      board.putBack({ readings, credits });
      throw error;
    }
  }

  return {
    settings,
    keys,
    limits,
    pools,
    catalog,
    prices,
    accounts,
    board,
    health,
    successes,
    processNumber,
    saveReadings,
    takeReadings,
    stop,
  };
}

async function registerProcess({ database, instanceId }: Storage): Promise<number> {
  const row = await database.db
    .insertInto('serverProcesses')
    .values({ instanceId, hostName: hostname(), pid: process.pid, version })
    .returning('number')
    .executeTakeFirstOrThrow();
  return row.number;
}
