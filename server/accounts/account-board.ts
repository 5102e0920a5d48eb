/**
 * Live facts of the accounts, in memory: provider limits as last read, who must be left alone until when, how much is
 * in flight. Every call is synchronous, so choosing an account and taking a place on it can be one step.
 */
import { doubtCredits, holdCredits, isSameCredits } from './account-limits.ts';
import { forgetCounted, holdWindows, nothingKnown, readingsFor, verdictOn, type HeldAccount } from './held-account.ts';
import { createLimitedModels } from './limited-models.ts';
import { expectFall, mergeReadings, withoutFuture } from './merge-quota.ts';
import { blockedUntil, windowKey, type CreditReading, type QuotaReading } from './quota.ts';
import { createUnsaved } from './unsaved.ts';

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

export interface AccountCredits {
  readonly accountId: string;
  readonly credits: CreditReading;
}

/** Accounts against which something may speak, most often few; nothing speaks against any other. Some may be twice. */
export type Suspects = Iterable<string> | 'all';

/** What is asked of an account. */
export interface LimitAsk {
  readonly model: string | null;
  readonly now: Date;
}

/** One account as the System page and the account list show it. */
export interface BoardRow {
  readonly accountId: string;
  readonly inFlight: number;
  readonly coolingUntil: Date | null;
  readonly readings: readonly QuotaReading[];
}

export interface AccountBoard {
  /**
   * Takes stored readings where they are newer than what is held: all of them at start, later what other processes read.
   * Instants from the future (a clock that was wrong) count as `now`.
   */
  restore(stored: readonly AccountReading[], now: Date): void;
  /** The same for credits. What is held and newer than what is stored is to be stored in its place. */
  restoreCredits(stored: readonly AccountCredits[], now: Date): void;
  /**
   * Takes readings that came together and were read just now. `model` is the model that was asked for: an error answer
   * that names another meter than the account's own tells which model that meter limits.
   */
  record(accountId: string, readings: readonly QuotaReading[], asked?: { readonly model?: string | null }): void;
  /** A reset was spent just now: the next reading may show the windows emptied, and is believed at once. */
  expectFall(accountId: string, now: Date): void;
  /** Takes what the provider says of the account's credits; null says nothing. */
  noteCredits(accountId: string, credits: CreditReading | null): void;
  /** Leaves the account alone until then: the provider called it too fast. Never shortens a longer wait. */
  coolDown(accountId: string, until: Date): void;
  /** Leaves the account alone until then, or until it has another credential than this one, which was refused. */
  refuseCredential(accountId: string, refused: { readonly epoch: number; readonly until: Date }): void;
  /** The account's credential is of this epoch now: what was refused before it no longer counts. */
  noteCredential(accountId: string, epoch: number): void;
  /** The network edge refuses us: leaves every account alone until then. */
  backOffEdge(until: Date): void;
  /** Counts one call in; the returned function counts it out, once. */
  enter(accountId: string): () => void;
  inFlight(accountId: string): number;
  readings(accountId: string): readonly QuotaReading[];
  credits(accountId: string): CreditReading | null;
  /** The readings that count for this model, whatever they say. */
  limits(accountId: string, model: string | null): readonly QuotaReading[];
  /** The limits that keep the account from serving this model now; none while nothing else than a limit does. */
  blocking(accountId: string, ask: LimitAsk): readonly QuotaReading[];
  /** Accounts that {@link AccountBoard.unavailability} may say something of now: of others it does not. */
  suspects(now: Date): Suspects;
  /** Why the account cannot serve this model now, or null. */
  unavailability(accountId: string, ask: LimitAsk): Unavailability | null;
  /** A limit is used up and only its credits let the account serve: others should, as long as any can. */
  isOnCredits(accountId: string, ask: LimitAsk): boolean;
  /** Readings that changed since the last call, to be stored. Put them back if storing fails. */
  takeDirtyReadings(): readonly AccountReading[];
  takeDirtyCredits(): readonly AccountCredits[];
  /** What was taken could not be stored: it is given again. */
  putBack(taken: { readonly readings: readonly AccountReading[]; readonly credits: readonly AccountCredits[] }): void;
  /** Drops what is known of a removed account. Calls in flight still count themselves out. */
  forget(accountId: string): void;
  snapshot(): { readonly edgeBackOffUntil: Date | null; readonly accounts: readonly BoardRow[] };
}

/** @example const board = createAccountBoard(); board.restore(await loadQuotaReadings(db), clock.now()); */
export function createAccountBoard(): AccountBoard {
  const accounts = new Map<string, HeldAccount>();
  /** Those that something may speak against: few as a rule, while every choice asks about all accounts. */
  const watched = new Map<string, HeldAccount>();
  const unsaved = createUnsaved();
  const isLimitedBy = createLimitedModels();
  let edgeUntil: Date | null = null;

  const factsOf = (accountId: string): HeldAccount => {
    let facts = accounts.get(accountId);
    if (!facts) {
      facts = nothingKnown();
      accounts.set(accountId, facts);
    }
    return facts;
  };

  /** Called after every change of what may speak against an account. */
  const watch = (accountId: string, facts: HeldAccount): void => {
    if (facts.isUsedUp || facts.coolingUntil !== null || facts.refusedUntil !== null) watched.set(accountId, facts);
    else watched.delete(accountId);
  };

  const judge = (facts: HeldAccount, ask: LimitAsk) => verdictOn(facts, { ...ask, limits: isLimitedBy.holds });

  return {
    restore(stored, now) {
      for (const { accountId, reading } of stored) {
        const facts = factsOf(accountId);
        const observedAt = reading.observedAt > now ? now : reading.observedAt;
        const known = facts.windows.get(windowKey(reading))?.reading;
        if (known && (known.observedAt >= observedAt || reading.observedAt > now)) continue;
        const held = { reading: { ...reading, observedAt }, doubtful: null };
        holdWindows(facts, new Map(facts.windows).set(windowKey(reading), held));
        watch(accountId, facts);
      }
    },

    restoreCredits(stored, now) {
      for (const { accountId, credits } of stored) {
        const facts = factsOf(accountId);
        const observedAt = credits.observedAt > now ? now : credits.observedAt;
        const held = facts.credits?.credits;
        const isSame = held !== undefined && isSameCredits(held, credits);
        if (held && (held.observedAt >= observedAt || credits.observedAt > now)) {
          if (!isSame) unsaved.addCredits(accountId);
          continue;
        }
        facts.credits = holdCredits(facts.credits, { ...credits, observedAt });
      }
    },

    record(accountId, readings, asked = {}) {
      const facts = factsOf(accountId);
      const [newest] = readings;
      if (!newest) return;
      const before = facts.windows;
      const after = mergeReadings(withoutFuture(before, newest.observedAt), readings);
      if (after !== before) holdWindows(facts, after);
      watch(accountId, facts);
      for (const [key, window] of facts.windows) {
        if (before.get(key)?.reading === window.reading) continue;
        unsaved.addWindow(accountId, key);
      }
      if (facts.credits) facts.credits = doubtCredits(facts.credits, readings);
      for (const { meter, source } of readings) {
        if (source !== 'error_body' || !asked.model || !isLimitedBy.learn(meter, asked.model)) continue;
        for (const each of accounts.values()) forgetCounted(each);
      }
    },

    expectFall(accountId, now) {
      const facts = factsOf(accountId);
      const until = new Date(now.getTime() + fallExpectedMs);
      holdWindows(facts, expectFall(facts.windows, { since: now, until }));
      watch(accountId, facts);
    },

    noteCredits(accountId, credits) {
      if (!credits) return;
      const facts = factsOf(accountId);
      if (!facts.credits || !isSameCredits(facts.credits.credits, credits)) unsaved.addCredits(accountId);
      facts.credits = holdCredits(facts.credits, credits);
    },

    coolDown(accountId, until) {
      const facts = factsOf(accountId);
      facts.coolingUntil = later(facts.coolingUntil, until);
      watch(accountId, facts);
    },

    refuseCredential(accountId, { epoch, until }) {
      const facts = factsOf(accountId);
      if (epoch < facts.epoch) return;
      facts.epoch = epoch;
      facts.refusedUntil = until;
      watch(accountId, facts);
    },

    noteCredential(accountId, epoch) {
      const facts = factsOf(accountId);
      if (epoch <= facts.epoch) return;
      facts.epoch = epoch;
      facts.refusedUntil = null;
      watch(accountId, facts);
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

    readings: (accountId) => accounts.get(accountId)?.readings ?? [],

    credits: (accountId) => accounts.get(accountId)?.credits?.credits ?? null,

    limits(accountId, model) {
      const facts = accounts.get(accountId);
      return facts ? readingsFor(facts, { model, limits: isLimitedBy.holds }) : [];
    },

    blocking(accountId, ask) {
      const facts = accounts.get(accountId);
      if (!facts || judge(facts, ask).until === null) return [];
      return this.limits(accountId, ask.model).filter((reading) => blockedUntil(reading, ask.now) !== null);
    },

    suspects: (now) => (edgeUntil !== null && edgeUntil > now ? 'all' : watched.keys()),

    unavailability(accountId, ask) {
      const { now } = ask;
      if (edgeUntil !== null && edgeUntil > now) return { code: 'edge_back_off', until: edgeUntil };
      const facts = watched.size === 0 ? undefined : watched.get(accountId);
      if (!facts) return null;
      const { until } = judge(facts, ask);
      if (until !== null) return { code: 'usage_limit_reached', until };
      const coolingUntil = laterOf(facts.coolingUntil, facts.refusedUntil);
      return coolingUntil !== null && coolingUntil > now ? { code: 'cooling_down', until: coolingUntil } : null;
    },

    isOnCredits(accountId, ask) {
      const facts = watched.size === 0 ? undefined : watched.get(accountId);
      return facts?.credits ? judge(facts, ask).isOnCredits : false;
    },

    takeDirtyReadings() {
      return unsaved.takeWindows().flatMap(([accountId, key]) => {
        const window = accounts.get(accountId)?.windows.get(key);
        return window ? [{ accountId, reading: window.reading }] : [];
      });
    },

    takeDirtyCredits() {
      return unsaved.takeCredits().flatMap((accountId) => {
        const held = accounts.get(accountId)?.credits;
        return held ? [{ accountId, credits: held.credits }] : [];
      });
    },

    putBack({ readings, credits }) {
      for (const { accountId, reading } of readings) unsaved.addWindow(accountId, windowKey(reading));
      for (const { accountId } of credits) unsaved.addCredits(accountId);
    },

    forget(accountId) {
      accounts.delete(accountId);
      watched.delete(accountId);
      unsaved.forget(accountId);
    },

    snapshot: () => ({
      edgeBackOffUntil: edgeUntil,
      accounts: [...accounts].map(([accountId, facts]) => ({
        accountId,
        inFlight: facts.inFlight,
        coolingUntil: laterOf(facts.coolingUntil, facts.refusedUntil),
        readings: facts.readings,
      })),
    }),
  };
}

/** How long the effect of a spent reset may take to be seen (gateway spec 5.8). */
const fallExpectedMs = 30 * 60_000;

function laterOf(a: Date | null, b: Date | null): Date | null {
  return a === null ? b : b === null ? a : later(a, b);
}

function later(held: Date | null, until: Date): Date {
  return held !== null && held > until ? held : until;
}
