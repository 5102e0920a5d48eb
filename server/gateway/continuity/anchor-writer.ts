/**
 * Writes anchors behind the requests that bind them, many in one statement. What the database does not take is kept
 * and written later; when too much waits, what is only a preference goes first.
 */
import type { AnchorKind } from '../../contract/vocabulary.ts';
import type { StoredAnchor } from './anchor.ts';

export interface AnchorWriter {
  /** Will be written soon; a newer anchor of the same name replaces one that still waits. */
  put(anchor: StoredAnchor): void;
  isWaiting(hash: string): boolean;
  /**
   * Writes what waits. Calls while one runs join in its end.
   *
   * @throws what the database said; what was not written waits on.
   */
  save(): Promise<void>;
  readonly waiting: number;
}

export interface AnchorWriterOptions {
  readonly write: (anchors: readonly StoredAnchor[]) => Promise<void>;
  /** How many anchors of each weight may wait; about 300 bytes each. */
  readonly maxWaiting?: number;
  /** Anchors had to be forgotten. */
  readonly onDropped: (count: number) => void;
}

/** A statement of this many takes some ten milliseconds. */
const maxGroup = 1_000;
const defaultMaxWaiting = 50_000;

/** Losing one of these leads a conversation to an account that cannot read it, or has not the file it speaks of. */
const needed: ReadonlySet<AnchorKind> = new Set(['compaction', 'response', 'file']);

export function createAnchorWriter({
  write,
  maxWaiting = defaultMaxWaiting,
  onDropped,
}: AnchorWriterOptions): AnchorWriter {
  const pins = new Map<string, StoredAnchor>();
  const preferences = new Map<string, StoredAnchor>();
  const queueOf = (kind: AnchorKind) => (needed.has(kind) ? pins : preferences);
  let writing = new Set<string>();
  let saving: Promise<void> | null = null;

  function put(anchor: StoredAnchor): void {
    const queue = queueOf(anchor.kind);
    queue.delete(anchor.hash);
    queue.set(anchor.hash, anchor);
    if (queue.size <= maxWaiting) return;
    for (const oldest of queue.keys()) {
      queue.delete(oldest);
      return onDropped(1);
    }
  }

  async function saveAll(): Promise<void> {
    while (pins.size + preferences.size > 0) {
      const group = [...take(pins, maxGroup), ...take(preferences, maxGroup)];
      writing = new Set(group.map(({ hash }) => hash));
      try {
        await write(group);
      } catch (error) {
        // What was bound anew in the meantime is newer.
        for (const anchor of group) if (!queueOf(anchor.kind).has(anchor.hash)) put(anchor);
        throw error;
      } finally {
        writing = new Set();
      }
    }
  }

  return {
    put,
    isWaiting: (hash) => pins.has(hash) || preferences.has(hash) || writing.has(hash),
    save: () => (saving ??= saveAll().finally(() => (saving = null))),
    get waiting() {
      return pins.size + preferences.size + writing.size;
    },
  };
}

/** Takes the oldest out of a queue. */
function take(queue: Map<string, StoredAnchor>, count: number): StoredAnchor[] {
  const taken: StoredAnchor[] = [];
  for (const [hash, anchor] of queue) {
    if (taken.length === count) break;
    queue.delete(hash);
    taken.push(anchor);
  }
  return taken;
}
