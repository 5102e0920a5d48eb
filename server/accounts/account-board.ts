/**
 * Live facts of the accounts, in memory: provider limits as last read, who must be left alone until when, how much is
 * in flight. Every call is synchronous, so choosing an account and taking a place on it can be one step.
 */
import { accountMeter, blockedUntil, mergeReadings, windowKey, type HeldWindows, type QuotaReading } from './quota.ts';

/** Why an account cannot take this call now although its state is sound. */
export interface Unavailability {
  readonly code: 'usage_limit_reached' | 'cooling_down' | 'edge_back_off';
  /** When it ends, as far as is known. */
  readonly until: Date | null;
}

export interface AccountReading {
  readonly accountId: string;
  readonly reading: QuotaReading;
}

/** One account as the System page and the account list show it. */
export interface BoardRow {
  readonly accountId: string;
  readonly inFlight: number;
  readonly coolingUntil: Date | null;
  readonly readings: readonly QuotaReading[];
}

export interface AccountBoard {
  /** Takes the stored readings at start. Instants from the future (a clock that was wrong) count as `now`. */
  restore(stored: readonly AccountReading[], now: Date): void;
  /**
   * Takes readings that came together. `model` is the model that was asked for: an error answer that names another
   * meter than the account's own tells which model that meter limits.
   */
  record(accountId: string, readings: readonly QuotaReading[], asked?: { readonly model?: string | null }): void;
  /** Leaves the account alone until then: the provider called it too fast. Never shortens a longer wait. */
  coolDown(accountId: string, until: Date): void;
  /** The network edge refuses us: leaves every account alone until then. */
  backOffEdge(until: Date): void;
  /** Counts one call in; the returned function counts it out, once. */
  enter(accountId: string): () => void;
  inFlight(accountId: string): number;
  readings(accountId: string): readonly QuotaReading[];
  /** Why the account cannot serve this model now, or null. */
  unavailability(accountId: string, ask: { readonly model: string | null; readonly now: Date }): Unavailability | null;
  /** Readings that changed since the last call, to be stored. Put them back with `record` if storing fails. */
  takeDirtyReadings(): readonly AccountReading[];
  /** Drops what is known of a removed account. Calls in flight still count themselves out. */
  forget(accountId: string): void;
  snapshot(): { readonly edgeBackOffUntil: Date | null; readonly accounts: readonly BoardRow[] };
}

interface Facts {
  windows: HeldWindows;
  coolingUntil: Date | null;
  inFlight: number;
}

/** @example const board = createAccountBoard(); board.restore(await loadQuotaReadings(db), clock.now()); */
export function createAccountBoard(): AccountBoard {
  const accounts = new Map<string, Facts>();
  const dirty = new Map<string, Set<string>>();
  /** `meter/model` pairs the provider itself told us of; the same for every account. */
  const limitedModels = new Set<string>();
  let edgeUntil: Date | null = null;

  const factsOf = (accountId: string): Facts => {
    let facts = accounts.get(accountId);
    if (!facts) accounts.set(accountId, (facts = { windows: new Map(), coolingUntil: null, inFlight: 0 }));
    return facts;
  };

  const limits = (meter: string, model: string | null): boolean =>
    meter === accountMeter || (model !== null && limitedModels.has(`${meter}/${model}`));

  return {
    restore(stored, now) {
      for (const { accountId, reading } of stored) {
        const facts = factsOf(accountId);
        const observedAt = reading.observedAt > now ? now : reading.observedAt;
        facts.windows = new Map(facts.windows).set(windowKey(reading), {
          reading: { ...reading, observedAt },
          lower: null,
        });
      }
    },

    record(accountId, readings, asked = {}) {
      const facts = factsOf(accountId);
      const before = facts.windows;
      facts.windows = mergeReadings(before, readings);
      for (const [key, window] of facts.windows) {
        if (before.get(key)?.reading === window.reading) continue;
        const keys = dirty.get(accountId) ?? new Set();
        dirty.set(accountId, keys.add(key));
      }
      for (const { meter, source } of readings) {
        if (source === 'error_body' && asked.model) limitedModels.add(`${meter}/${asked.model}`);
      }
    },

    coolDown(accountId, until) {
      const facts = factsOf(accountId);
      facts.coolingUntil = later(facts.coolingUntil, until);
    },

    backOffEdge(until) {
      edgeUntil = later(edgeUntil, until);
    },

    enter(accountId) {
      const facts = factsOf(accountId);
      facts.inFlight += 1;
      let isIn = true;
      return () => {
        if (isIn) facts.inFlight -= 1;
        isIn = false;
      };
    },

    inFlight: (accountId) => accounts.get(accountId)?.inFlight ?? 0,

    readings: (accountId) => readingsOf(accounts.get(accountId)),

    unavailability(accountId, { model, now }) {
      if (edgeUntil !== null && edgeUntil > now) return { code: 'edge_back_off', until: edgeUntil };
      const facts = accounts.get(accountId);
      if (!facts) return null;
      const used = readingsOf(facts).filter((reading) => limits(reading.meter, model));
      const until = used.map((reading) => blockedUntil(reading, now)).reduce(laterOrNull, null);
      if (until !== null) return { code: 'usage_limit_reached', until };
      const { coolingUntil } = facts;
      return coolingUntil !== null && coolingUntil > now ? { code: 'cooling_down', until: coolingUntil } : null;
    },

    takeDirtyReadings() {
      const taken = [...dirty].flatMap(([accountId, keys]) =>
        [...keys].flatMap((key) => {
          const window = accounts.get(accountId)?.windows.get(key);
          return window ? [{ accountId, reading: window.reading }] : [];
        }),
      );
      dirty.clear();
      return taken;
    },

    forget(accountId) {
      accounts.delete(accountId);
      dirty.delete(accountId);
    },

    snapshot: () => ({
      edgeBackOffUntil: edgeUntil,
      accounts: [...accounts].map(([accountId, facts]) => ({
        accountId,
        inFlight: facts.inFlight,
        coolingUntil: facts.coolingUntil,
        readings: readingsOf(facts),
      })),
    }),
  };
}

function readingsOf(facts: Facts | undefined): QuotaReading[] {
  return [...(facts?.windows.values() ?? [])].map((window) => window.reading);
}

function later(held: Date | null, until: Date): Date {
  return held !== null && held > until ? held : until;
}

function laterOrNull(held: Date | null, until: Date | null): Date | null {
  return until === null ? held : later(held, until);
}
