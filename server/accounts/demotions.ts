/**
 * Accounts that just failed a key's request for a model go to the end of the order for a minute (gateway spec 4.5).
 * A demotion never takes an account out: when all others are gone, the demoted one serves.
 */
import { createExpiringMap } from '../lib/expiring-map.ts';

/** Whose requests a demotion concerns: another key or Pool may have better luck with the same account. */
export interface DemotionScope {
  readonly poolId: string;
  readonly keyId: string;
  readonly model: string;
}

export interface Demotions {
  /** Notes a failure; one on top of another only moves the end. `nowMs` is monotonic. */
  demote(scope: DemotionScope, failed: { readonly accountId: string; readonly nowMs: number }): void;
  /** The account served this scope: there it is as good as any. */
  resolve(scope: DemotionScope, accountId: string): void;
  /** The account was removed or signed in again: what it did before says nothing, in any scope. */
  forget(account: { readonly accountId: string; readonly nowMs: number }): void;
  /** What failed from `sinceMs` until now was no account's fault. */
  forgive(failures: { readonly sinceMs: number; readonly nowMs: number }): void;
  /** Accounts that go last for this scope now; empty most of the time. */
  demotedIn(scope: DemotionScope, nowMs: number): ReadonlySet<string>;
}

/** Long enough that the next turns begin elsewhere, short enough that a conversation returns to its warm cache. */
export const demotionMs = 60_000;

/** Scopes held at most; about 300 bytes each. */
const defaultMaxScopes = 10_000;

/** Spans held at most that are forgiven; each counts for as long as a demotion. */
const maxPardons = 16;

const nobody: ReadonlySet<string> = new Set();

export function createDemotions({ maxScopes = defaultMaxScopes }: { maxScopes?: number } = {}): Demotions {
  /** Per scope: account → end. A scope ends with its last account. */
  const scopes = createExpiringMap<string, Map<string, number>>({ maxEntries: maxScopes });
  /** Account → when it was forgotten: what failed until then no longer counts. */
  const forgotten = createExpiringMap<string, number>({ maxEntries: maxScopes });

  let pardons: readonly { readonly sinceMs: number; readonly untilMs: number }[] = [];

  return {
    demote(scope, { accountId, nowMs }) {
      const key = keyOf(scope);
      const endsMs = nowMs + demotionMs;
      const ends = scopes.get(key, nowMs) ?? new Map<string, number>();
      scopes.set(key, { value: ends.set(accountId, endsMs), endsMs });
    },

    resolve(scope, accountId) {
      // The end does not matter here: what has ended may go as well.
      scopes.get(keyOf(scope), Number.NEGATIVE_INFINITY)?.delete(accountId);
    },

    forget({ accountId, nowMs }) {
      forgotten.set(accountId, { value: nowMs, endsMs: nowMs + demotionMs });
    },

    forgive({ sinceMs, nowMs }) {
      const lasting = pardons.filter(({ untilMs }) => untilMs + demotionMs > nowMs);
      pardons = [...lasting, { sinceMs, untilMs: nowMs }].slice(-maxPardons);
    },

    demotedIn(scope, nowMs) {
      const ends = scopes.get(keyOf(scope), nowMs);
      if (!ends || ends.size === 0) return nobody;
      const demoted = new Set<string>();
      for (const [accountId, endsMs] of ends) {
        if (endsMs <= nowMs) continue;
        const failedMs = endsMs - demotionMs;
        const forgottenMs = forgotten.size > 0 ? forgotten.get(accountId, nowMs) : undefined;
        if (forgottenMs !== undefined && failedMs <= forgottenMs) continue;
        if (pardons.some(({ sinceMs, untilMs }) => sinceMs <= failedMs && failedMs <= untilMs)) continue;
        demoted.add(accountId);
      }
      return demoted;
    },
  };
}

function keyOf({ poolId, keyId, model }: DemotionScope): string {
  return `${poolId}/${keyId}/${model}`;
}
