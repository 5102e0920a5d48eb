/**
 * Live facts of the accounts, in memory: provider limits as last read, who must be left alone until when, how much is
 * in flight. Every call is synchronous, so choosing an account and taking a place on it can be one step.
 */
import { doubtCredits, holdCredits, isSameCredits } from './account-limits.ts';
import { holdNothing, holdWindows, readingsFor, watch, type HeldAccount } from './held-account.ts';
import { createLimitedModels } from './limited-models.ts';
import { laterOf, lookAtLimits, waitUntil, type LimitsView } from './look-at-limits.ts';
import { expectFall, mergeReadings, withoutFuture } from './merge-quota.ts';
import { windowKey, type CreditReading, type QuotaReading } from './quota.ts';
import { createUnsaved } from './unsaved.ts';

export interface AccountReading {
  readonly accountId: string;
  readonly reading: QuotaReading;
}

export interface AccountCredits {
  readonly accountId: string;
  readonly credits: CreditReading;
}

/** What is asked of accounts. */
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
  /** What attempts taught may speak against the account, or no longer does: {@link HeldAccount.isTroubled}. */
  noteTrouble(accountId: string, isTroubled: boolean): void;
  /** Counts one call in; the returned function counts it out, once. */
  enter(accountId: string): () => void;
  inFlight(accountId: string): number;
  /** What is held of the account, the same object until it is forgotten; made if nothing is known of it yet. */
  held(accountId: string): HeldAccount;
  /** All accounts as one question sees them at its moment. */
  look(ask: LimitAsk): LimitsView;
  readings(accountId: string): readonly QuotaReading[];
  credits(accountId: string): CreditReading | null;
  /** The readings that count for this model, whatever they say. */
  limits(accountId: string, model: string | null): readonly QuotaReading[];
  /** The limits that keep the account from serving this model now; none while nothing else than a limit does. */
  blocking(accountId: string, ask: LimitAsk): readonly QuotaReading[];
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
  const unsaved = createUnsaved();
  const limitedModels = createLimitedModels();
  let edgeUntil: Date | null = null;

  const heldOf = (accountId: string): HeldAccount => {
    let held = accounts.get(accountId);
    if (!held) accounts.set(accountId, (held = holdNothing(accountId)));
    return held;
  };

  const look = ({ model, now }: LimitAsk): LimitsView =>
    lookAtLimits({ now, meters: limitedModels.metersOf(model), edgeUntil });

  return {
    restore(stored, now) {
      for (const { accountId, reading } of stored) {
        const held = heldOf(accountId);
        const observedAt = reading.observedAt > now ? now : reading.observedAt;
        const known = held.windows.get(windowKey(reading))?.reading;
        if (known && (known.observedAt >= observedAt || reading.observedAt > now)) continue;
        const window = { reading: { ...reading, observedAt }, doubtful: null };
        holdWindows(held, new Map(held.windows).set(windowKey(reading), window));
      }
    },

    restoreCredits(stored, now) {
      for (const { accountId, credits } of stored) {
        const held = heldOf(accountId);
        const observedAt = credits.observedAt > now ? now : credits.observedAt;
        const known = held.credits?.credits;
        const isSame = known !== undefined && isSameCredits(known, credits);
        if (known && (known.observedAt >= observedAt || credits.observedAt > now)) {
          if (!isSame) unsaved.addCredits(accountId);
          continue;
        }
        held.credits = holdCredits(held.credits, { ...credits, observedAt });
      }
    },

    record(accountId, readings, asked = {}) {
      const held = heldOf(accountId);
      const [newest] = readings;
      if (!newest) return;
      const before = held.windows;
      const after = mergeReadings(withoutFuture(before, newest.observedAt), readings);
      if (after !== before) holdWindows(held, after);
      for (const [key, { reading }] of held.windows) {
        if (before.get(key)?.reading !== reading) unsaved.addWindow(accountId, key);
      }
      if (held.credits) held.credits = doubtCredits(held.credits, readings);
      for (const { meter, source } of readings) {
        if (source === 'error_body' && asked.model) limitedModels.learn(meter, asked.model);
      }
    },

    expectFall(accountId, now) {
      const held = heldOf(accountId);
      const until = new Date(now.getTime() + fallExpectedMs);
      holdWindows(held, expectFall(held.windows, { since: now, until }));
    },

    noteCredits(accountId, credits) {
      if (!credits) return;
      const held = heldOf(accountId);
      if (!held.credits || !isSameCredits(held.credits.credits, credits)) unsaved.addCredits(accountId);
      held.credits = holdCredits(held.credits, credits);
    },

    coolDown(accountId, until) {
      const held = heldOf(accountId);
      held.coolingUntil = waitUntil(held.coolingUntil, until);
      watch(held);
    },

    refuseCredential(accountId, { epoch, until }) {
      const held = heldOf(accountId);
      if (epoch < held.epoch) return;
      held.epoch = epoch;
      held.refusedUntil = until;
      watch(held);
    },

    noteCredential(accountId, epoch) {
      const held = heldOf(accountId);
      if (epoch <= held.epoch) return;
      held.epoch = epoch;
      held.refusedUntil = null;
      watch(held);
    },

    backOffEdge(until) {
      edgeUntil = waitUntil(edgeUntil, until);
    },

    noteTrouble(accountId, isTroubled) {
      if (isTroubled) heldOf(accountId).isTroubled = true;
      else if (accounts.has(accountId)) heldOf(accountId).isTroubled = false;
    },

    enter(accountId) {
      const held = heldOf(accountId);
      held.inFlight += 1;
      let isIn = true;
      return () => {
        if (isIn) held.inFlight -= 1;
        isIn = false;
      };
    },

    inFlight: (accountId) => accounts.get(accountId)?.inFlight ?? 0,

    held: heldOf,

    look,

    readings: (accountId) => accounts.get(accountId)?.readings ?? [],

    credits: (accountId) => accounts.get(accountId)?.credits?.credits ?? null,

    limits(accountId, model) {
      const held = accounts.get(accountId);
      return held ? readingsFor(held, limitedModels.metersOf(model)) : [];
    },

    blocking(accountId, ask) {
      const held = accounts.get(accountId);
      return held ? look(ask).blocking(held) : [];
    },

    takeDirtyReadings() {
      return unsaved.takeWindows().flatMap(([accountId, key]) => {
        const window = accounts.get(accountId)?.windows.get(key);
        return window ? [{ accountId, reading: window.reading }] : [];
      });
    },

    takeDirtyCredits() {
      return unsaved.takeCredits().flatMap((accountId) => {
        const credits = accounts.get(accountId)?.credits?.credits;
        return credits ? [{ accountId, credits }] : [];
      });
    },

    putBack({ readings, credits }) {
      for (const { accountId, reading } of readings) unsaved.addWindow(accountId, windowKey(reading));
      for (const { accountId } of credits) unsaved.addCredits(accountId);
    },

    forget(accountId) {
      accounts.delete(accountId);
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
