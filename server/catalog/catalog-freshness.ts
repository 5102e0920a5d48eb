/**
 * Keeps model lists current: an answer whose `x-models-etag` is not the one we hold says that the account's list
 * changed, and a list that was read long ago is read again.
 */
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';
import type { Catalog } from './catalog.ts';

export interface CatalogFreshness {
  /** An answer of this account named this ETag. Cheap; called for every answer. */
  noticed(accountId: string, etag: string): void;
  /** Reads the lists that are old, one account after the other. @returns how many */
  readOld(signal: AbortSignal): Promise<number>;
  /** Waits for readings under way. */
  stop(): Promise<void>;
}

export interface CatalogFreshnessParts {
  readonly catalog: Catalog;
  /** Accounts that can be asked. */
  readonly accountIds: () => readonly string[];
  /** Asks the provider about an account; stores what it says. */
  readonly read: (accountId: string) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Peers read model lists every half hour (gateway spec 13). */
const oldAfterMs = 30 * 60_000;
/** An ETag that keeps differing must not cause a reading per answer. */
const restMs = 60_000;

/** The last reading that an answer caused. */
interface Noticed {
  readonly atMs: number;
  /** False when the account had no list yet: reading the first one says nothing of whether it changed since. */
  readonly hadList: boolean;
}

export function createCatalogFreshness({
  catalog,
  accountIds,
  read,
  clock,
  log,
}: CatalogFreshnessParts): CatalogFreshness {
  const lastNoticed = new Map<string, Noticed>();
  const readings = new Map<string, Promise<void>>();

  function readNow(accountId: string): Promise<void> {
    const running = readings.get(accountId);
    if (running) return running;
    const reading = read(accountId)
      .then(
        () => undefined,
        (error: unknown) => log.warn('account_not_read', { accountId, ...errorFacts(error) }),
      )
      .finally(() => readings.delete(accountId));
    readings.set(accountId, reading);
    return reading;
  }

  function isResting(accountId: string, { atMs, hadList }: Noticed): boolean {
    const last = lastNoticed.get(accountId);
    return last !== undefined && last.hadList === hadList && atMs - last.atMs < restMs;
  }

  function isOld(accountId: string): boolean {
    const fetchedAt = catalog.fetchedAt(accountId);
    // As far ahead it was read by a clock that has been set back since.
    return fetchedAt === null || Math.abs(clock.now().getTime() - fetchedAt.getTime()) > oldAfterMs;
  }

  return {
    noticed(accountId, etag) {
      // A reading under way may have been answered before the change: the next answer tells.
      if (readings.has(accountId) || catalog.unionOf([accountId]).etag === etag) return;
      const now = { atMs: clock.monotonicMs(), hadList: catalog.fetchedAt(accountId) !== null };
      if (isResting(accountId, now)) return;
      lastNoticed.set(accountId, now);
      void readNow(accountId);
    },
    async readOld(signal) {
      let count = 0;
      for (const accountId of accountIds()) {
        if (signal.aborted) return count;
        if (!isOld(accountId)) continue;
        await readNow(accountId);
        count += 1;
      }
      return count;
    },
    stop: async () => void (await Promise.all(readings.values())),
  };
}
