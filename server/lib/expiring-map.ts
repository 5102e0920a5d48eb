/** A map of bounded size whose entries end: when full, the entry unused longest goes. */

export interface ExpiringMap<Key, Value> {
  /** The value if it has not ended at `nowMs`; reading makes it the most recently used. */
  get(key: Key, nowMs: number): Value | undefined;
  set(key: Key, entry: { value: Value; endsMs: number }): void;
  readonly size: number;
}

export function createExpiringMap<Key, Value>({ maxEntries }: { maxEntries: number }): ExpiringMap<Key, Value> {
  // A Map keeps insertion order, so re-inserting on use makes its first key the one unused longest.
  const entries = new Map<Key, { value: Value; endsMs: number }>();
  return {
    get(key, nowMs) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      entries.delete(key);
      if (entry.endsMs <= nowMs) return undefined;
      entries.set(key, entry);
      return entry.value;
    },
    set(key, entry) {
      entries.delete(key);
      entries.set(key, entry);
      if (entries.size > maxEntries) for (const oldest of entries.keys()) return void entries.delete(oldest);
    },
    get size() {
      return entries.size;
    },
  };
}
