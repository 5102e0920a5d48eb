/**
 * Which account an anchor leads to: in memory, over what is stored for later starts and other processes. Asking memory
 * is enough after `load`; binding never waits for the database.
 */
import type { AnchorKind } from '../../contract/vocabulary.ts';
import { createExpiringMap, type ExpiringMap } from '../../lib/expiring-map.ts';
import { createGroupCommit } from '../../lib/group-commit.ts';
import { errorFacts } from '../../observe/log.ts';
import type { Clock, Log } from '../../world/world.ts';
import { selectAnchors, upsertAnchors, type Queryable } from './anchor-store.ts';
import { createAnchorWriter } from './anchor-writer.ts';
import type { AnchorName, StoredAnchor } from './anchor.ts';

export interface Anchors {
  /**
   * Reads what is stored of these names unless memory knows it well enough: at most one statement, shared with other
   * requests of the moment.
   *
   * @param along - Names that are rarely bound, so that not knowing them is no reason to ask: read only with others.
   * @throws what the database said. What memory knows stays.
   */
  load(names: readonly AnchorName[], along?: readonly AnchorName[]): Promise<void>;
  /** The account this name leads to, as far as memory knows. */
  ownerOf(name: AnchorName): string | null;
  /** From now on, and for so long, the name leads to this account; not at all for no time. */
  bind(name: AnchorName, binding: { readonly accountId: string; readonly lifeMs: number }): void;
  /** Leads there for a moment, unless it is bound; for those who come while the first answer is on its way. */
  claim(name: AnchorName, accountId: string): void;
  /** Writes what is not stored yet. Never throws: what could not be written waits for the next time. */
  save(): Promise<void>;
  /** Writes until everything is stored or the signal aborts. */
  flush(signal: AbortSignal): Promise<void>;
}

export interface AnchorsOptions {
  readonly pool: Queryable;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly accountId: string;
  /** Nobody was served yet. */
  readonly isClaim: boolean;
  /** When the stored anchor ends, on the wall clock; 0 when none is stored that we know of. */
  readonly storedEndsMs: number;
  /** When this was last known to be what is stored, monotonic. */
  readonly confirmedMs: number;
  readonly endsMs: number;
}

/** About 300 bytes each: a bound of some fifteen megabytes per kind. */
const maxEntries = 50_000;
/** Another process may have led a conversation elsewhere; after this memory is not believed without asking. */
const trustMs = 60_000;
/** An answer begins within this time, or the next request may choose anew. */
const claimMs = 90_000;
/** A preference that only slides on is written again when this part of its life is gone, not at every answer. */
const slideShare = 1 / 8;
/** Between two tries of a stopping process to store its anchors. */
const flushRetryMs = 250;

export function createAnchors({ pool, clock, log }: AnchorsOptions): Anchors {
  const maps = new Map<AnchorKind, ExpiringMap<string, Entry>>();
  const reads = createGroupCommit<readonly string[], readonly StoredAnchor[]>({
    maxGroup: 100,
    maxWaiting: 20_000,
    // What is asked for are hashes; a failed read is the database's doing.
    mayBlameItem: () => false,
    writeGroup: readGroup,
  });
  const writer = createAnchorWriter({
    write: (anchors) => upsertAnchors(pool, anchors),
    onDropped: (count) => log.warn('anchors_dropped', { count }),
  });

  let isDatabaseAway = false;

  async function readGroup(groups: readonly (readonly string[])[]): Promise<readonly StoredAnchor[][]> {
    const found = await selectAnchors(pool, { hashes: [...new Set(groups.flat())], now: clock.now() });
    const byHash = new Map(found.map((anchor) => [anchor.hash, anchor]));
    return groups.map((hashes) => hashes.flatMap((hash) => byHash.get(hash) ?? []));
  }

  function mapOf(kind: AnchorKind): ExpiringMap<string, Entry> {
    let map = maps.get(kind);
    if (!map) maps.set(kind, (map = createExpiringMap({ maxEntries })));
    return map;
  }

  function entryOf({ kind, hash }: AnchorName): Entry | undefined {
    return mapOf(kind).get(hash, clock.monotonicMs());
  }

  function put({ kind, hash }: AnchorName, value: Entry): void {
    mapOf(kind).set(hash, { value, endsMs: value.endsMs });
  }

  /** What is stored wins over what memory believed, but for what memory has yet to store. */
  function accept(anchor: StoredAnchor): void {
    if (writer.isWaiting(anchor.hash)) return;
    const nowMs = clock.monotonicMs();
    const storedEndsMs = anchor.expiresAt.getTime();
    put(anchor, {
      accountId: anchor.accountId,
      isClaim: false,
      storedEndsMs,
      confirmedMs: nowMs,
      endsMs: nowMs + storedEndsMs - clock.now().getTime(),
    });
  }

  function isTrusted(name: AnchorName): boolean {
    const entry = entryOf(name);
    if (!entry || entry.isClaim) return false;
    return writer.isWaiting(name.hash) || clock.monotonicMs() - entry.confirmedMs < trustMs;
  }

  async function save(): Promise<void> {
    const count = writer.waiting;
    if (count === 0) return;
    try {
      await writer.save();
      isDatabaseAway = false;
      log.debug('anchors_saved', { count });
    } catch (error) {
      // Tried every second: once says it.
      if (isDatabaseAway) return;
      isDatabaseAway = true;
      log.warn('anchors_wait_for_database', { count: writer.waiting, ...errorFacts(error) });
    }
  }

  return {
    async load(names, along = []) {
      const unsure = names.filter((name) => !isTrusted(name));
      if (unsure.length === 0) return;
      const hashes = [...unsure, ...along].map(({ hash }) => hash);
      for (const anchor of await reads.write(hashes)) accept(anchor);
    },

    ownerOf: (name) => entryOf(name)?.accountId ?? null,

    bind(name, { accountId, lifeMs }) {
      if (lifeMs <= 0) return;
      const now = clock.now();
      const nowMs = clock.monotonicMs();
      const expiresMs = now.getTime() + lifeMs;
      const known = entryOf(name);
      const isStored =
        known?.accountId === accountId &&
        !known.isClaim &&
        Math.abs(expiresMs - known.storedEndsMs) < lifeMs * slideShare;
      const stored = isStored ? known : { storedEndsMs: expiresMs, confirmedMs: nowMs };
      const { storedEndsMs, confirmedMs } = stored;
      put(name, { accountId, isClaim: false, storedEndsMs, confirmedMs, endsMs: nowMs + lifeMs });
      if (isStored) return;
      writer.put({ ...name, accountId, boundAt: now, expiresAt: new Date(expiresMs) });
      // The next request may come from elsewhere at once, and without this one it is lost.
      if (name.kind === 'compaction') void save();
    },

    claim(name, accountId) {
      if (entryOf(name)?.isClaim === false) return;
      const nowMs = clock.monotonicMs();
      put(name, { accountId, isClaim: true, storedEndsMs: 0, confirmedMs: nowMs, endsMs: nowMs + claimMs });
    },

    save,

    async flush(signal) {
      for (;;) {
        await save();
        if (writer.waiting === 0 || signal.aborted) return;
        await clock.sleep(flushRetryMs, signal).catch(() => undefined);
      }
    },
  };
}
