/**
 * The limits of keys in memory, for what is decided before the reservation: how much output is set aside, and who waits
 * in line. Whether a request fits is decided by the reservation alone, where every process sees the same.
 */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import { listLimits, type KeyLimitRow } from './limit-store.ts';

export interface LimitBook {
  of(request: { readonly keyId: string; readonly model: string }): RequestLimits;
  /** Reads everything again. */
  reload(): Promise<void>;
  /** Calls `listener` after every reading. */
  onRead(listener: () => void): void;
}

/** What a key's limits mean for one request before it is reserved. */
export interface RequestLimits {
  /** Its key has limits: its reservation looks at them, one caller at a time. */
  readonly isLimited: boolean;
  /** One of them is for its model by name. */
  readonly namesModel: boolean;
  /** The most output it may count as, in tokens; null when nothing says so. */
  readonly outputCap: number | null;
  /** How many requests may run at once, for each such limit that it falls under. */
  readonly atOnce: readonly AtOnceLimit[];
}

export interface AtOnceLimit {
  /** Names what is counted together: the limit. */
  readonly id: string;
  readonly maximum: number;
  readonly model: string | null;
}

/** Of a key without limits. */
export const unlimited: RequestLimits = Object.freeze({
  isLimited: false,
  namesModel: false,
  outputCap: null,
  atOnce: [],
});

export function createLimitBook({ db }: { db: Kysely<DB> }): LimitBook {
  let byKey: ReadonlyMap<string, readonly KeyLimitRow[]> = new Map();
  const listeners: (() => void)[] = [];

  return {
    of({ keyId, model }) {
      const ofKey = byKey.get(keyId);
      if (!ofKey) return unlimited;
      const wanted = model.trim().toLowerCase();
      const held = ofKey.filter((limit) => limit.model === null || limit.model === wanted);
      const caps = held.filter(({ unit, window }) => unit === 'output_tokens' && window === 'request');
      return {
        isLimited: true,
        namesModel: held.some((limit) => limit.model !== null),
        outputCap: caps.length > 0 ? Math.min(...caps.map(({ maximum }) => maximum)) : null,
        atOnce: held.filter(({ unit }) => unit === 'concurrency'),
      };
    },
    async reload() {
      byKey = Map.groupBy(await listLimits(db), ({ keyId }) => keyId);
      for (const listener of listeners) listener();
    },
    onRead: (listener) => void listeners.push(listener),
  };
}
