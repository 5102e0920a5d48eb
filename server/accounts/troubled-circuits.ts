/**
 * Circuits that are not closed, found by what is asked: every choice asks all accounts about one kind of request, and
 * most have none.
 */
import type { CircuitKind, CircuitScope } from './circuit-scope.ts';

export interface TroubledCircuits<Entry extends { readonly scope: CircuitScope }> {
  add(entry: Entry): void;
  /** @returns false when it was not among them */
  delete(entry: Entry): boolean;
  /** Those of one kind of request, by account. The same map until the kind has none left. */
  of(kind: CircuitKind): ReadonlyMap<string, Entry>;
  /** Has the account one of whatever kind? */
  has(accountId: string): boolean;
}

export function createTroubledCircuits<Entry extends { readonly scope: CircuitScope }>(): TroubledCircuits<Entry> {
  const byKind = new Map<string, Map<string, Entry>>();
  const countOf = new Map<string, number>();
  const none: ReadonlyMap<string, Entry> = new Map();

  return {
    add(entry) {
      const { accountId } = entry.scope;
      const key = keyOf(entry.scope);
      const ofKind = byKind.get(key) ?? new Map<string, Entry>();
      byKind.set(key, ofKind);
      if (!ofKind.has(accountId)) countOf.set(accountId, (countOf.get(accountId) ?? 0) + 1);
      ofKind.set(accountId, entry);
    },
    delete({ scope }) {
      const key = keyOf(scope);
      const ofKind = byKind.get(key);
      if (!ofKind?.delete(scope.accountId)) return false;
      if (ofKind.size === 0) byKind.delete(key);
      const left = (countOf.get(scope.accountId) ?? 0) - 1;
      if (left > 0) countOf.set(scope.accountId, left);
      else countOf.delete(scope.accountId);
      return true;
    },
    of: (kind) => byKind.get(keyOf(kind)) ?? none,
    has: (accountId) => countOf.has(accountId),
  };
}

/** The model comes last: it is the only part that a client names, and may contain anything. */
function keyOf({ poolId, model, routeClass }: CircuitKind): string {
  return `${poolId}/${routeClass}/${model}`;
}
