/** The model lists in memory: which models an account may serve, and the one list of a Pool. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { Log } from '../world/world.ts';
import { selectCatalogs, selectCatalogTimes, type StoredCatalog } from './catalog-store.ts';
import { readModelAbilities, type ModelAbilities } from './model-abilities.ts';
import { CatalogUnreadable, splitCatalog } from './split-catalog.ts';
import { unionCatalog, type UnionCatalog } from './union-catalog.ts';

export interface Catalog {
  /**
   * The models of an account's list with what it says of each, or null when none was ever read. The same map until the
   * list changes, and the same for all accounts with the same list.
   */
  modelsOf(accountId: string): ReadonlyMap<string, ModelAbilities> | null;
  /** When the account's list was fetched. */
  fetchedAt(accountId: string): Date | null;
  /** The union of these accounts' lists, given oldest account first; kept until one of them changes. */
  unionOf(accountIds: readonly string[]): UnionCatalog;
  /** Reads lists that changed since the last reading; call at start and on the topics `catalog` and `accounts`. */
  reload(): Promise<void>;
}

interface Held {
  readonly stored: StoredCatalog;
  readonly models: ReadonlyMap<string, ModelAbilities>;
}

/** Unions kept in memory: one per combination of accounts, so as many as there are Pools. */
const keptUnions = 32;

/** An empty catalog; call `reload()` before the first use. */
export function createCatalog({ db, log }: { db: Kysely<DB>; log: Log }): Catalog {
  let held: ReadonlyMap<string, Held> = new Map();
  const unions = new Map<string, UnionCatalog>();
  let reading: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const times = await selectCatalogTimes(db);
    const isKept = ({ accountId, fetchedAt }: { accountId: string; fetchedAt: Date }) =>
      held.get(accountId)?.stored.fetchedAt.getTime() === fetchedAt.getTime();
    const changed = times.filter((time) => !isKept(time)).map(({ accountId }) => accountId);
    if (changed.length === 0 && times.length === held.size) return;
    const next = new Map<string, Held>();
    for (const time of times) if (isKept(time)) next.set(time.accountId, held.get(time.accountId)!);
    for (const stored of await selectCatalogs(db, changed)) {
      const models = readModels(stored, next.values());
      if (models) next.set(stored.accountId, { stored, models });
    }
    held = next;
    unions.clear();
  }

  /** Most accounts have the list of another one: it is read, and kept, once. */
  function readModels({ accountId, body }: StoredCatalog, known: Iterable<Held>): Held['models'] | null {
    for (const { stored, models } of known) if (stored.body.equals(body)) return models;
    try {
      return new Map(splitCatalog(body).map(({ slug, bytes }) => [slug, readModelAbilities(bytes)]));
    } catch (error) {
      if (!(error instanceof CatalogUnreadable)) throw error;
      log.warn('stored_catalog_unreadable', { accountId });
      return null;
    }
  }

  return {
    modelsOf: (accountId) => held.get(accountId)?.models ?? null,
    fetchedAt: (accountId) => held.get(accountId)?.stored.fetchedAt ?? null,
    unionOf(accountIds) {
      const key = accountIds.join(' ');
      const known = unions.get(key);
      if (known) return known;
      const lists = accountIds.flatMap((id) => held.get(id)?.stored ?? []);
      const union = unionCatalog(lists);
      if (unions.size >= keptUnions) unions.clear();
      unions.set(key, union);
      return union;
    },
    reload() {
      // One after the other, each reading the newest state.
      reading = reading.catch(() => undefined).then(read);
      return reading;
    },
  };
}
