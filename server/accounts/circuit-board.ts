/**
 * The circuits of all accounts, in memory. Every call is synchronous and reads only the monotonic clock, so looking
 * and taking a place are one step and a change of the wall clock changes nothing.
 */
import type { Clock } from '../world/world.ts';
import type { CircuitKind, CircuitScope } from './circuit-scope.ts';
import {
  admitCall,
  beginAnswer,
  circuitBlock,
  completeCall,
  countedFailures,
  defaultCircuitRules,
  forgiveFailures,
  healthyCircuit,
  type Circuit,
  type CircuitBlock,
  type CircuitRules,
  type CircuitStatus,
  type CircuitTicket,
  type HealthOutcome,
} from './circuit.ts';
import { createTroubledCircuits } from './troubled-circuits.ts';

/** True for the moment in which it was made. */
export interface CircuitView {
  /** Why the account's circuit takes no call, or null. */
  blocked(accountId: string): CircuitBlock | null;
  statusOf(accountId: string): CircuitStatus;
}

/** The right to one call, to be given back with its result. */
export interface CircuitToken {
  readonly scope: CircuitScope;
  /** This call decides whether the circuit comes back. */
  readonly isProbe: boolean;
}

export type CircuitAdmission =
  | { readonly kind: 'admitted'; readonly token: CircuitToken }
  | ({ readonly kind: 'refused' } & CircuitBlock);

/** A circuit about which there is something to say. Instants are monotonic milliseconds. */
export interface CircuitRow extends CircuitScope {
  readonly status: CircuitStatus;
  /** Failures that count now; 0 unless closed. */
  readonly failures: number;
  /** Since when it is open; null in other states. */
  readonly openedMs: number | null;
  /** When a call may try it; null when closed or while one does. */
  readonly probeAtMs: number | null;
}

export interface CircuitBoard {
  /** Takes the right to call; the token must be completed, whatever happens (`finally`). */
  begin(scope: CircuitScope): CircuitAdmission;
  /** The token's call has begun to answer: a probe closes its circuit here, not minutes later. */
  answerBegan(token: CircuitToken): void;
  /** Gives the token back. Only the first completion of a token counts. */
  complete(token: CircuitToken, outcome: HealthOutcome): void;
  /** The circuits of all accounts for one kind of request, at one moment. Looking changes nothing. */
  look(kind: CircuitKind, nowMs: number): CircuitView;
  /** Has the account a circuit that is not closed, of whatever scope? */
  isTroubled(accountId: string): boolean;
  /** Takes back failures noted at `sinceMs` or later, everywhere: nobody could be reached, or the machine slept. */
  forgiveSince(sinceMs: number): void;
  /** Drops what is known of a removed account. */
  forget(accountId: string): void;
  /** Circuits that are not closed or have failures that count. */
  snapshot(): readonly CircuitRow[];
  /** Circuits held in memory. */
  readonly size: number;
}

export interface CircuitBoardOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Asked for every call, so that a change of settings holds at once. */
  readonly rules?: () => CircuitRules;
  /** Circuits held at most; the one unused longest is forgotten, and is healthy when it comes back. */
  readonly maxCircuits?: number;
  /** Told after {@link CircuitBoard.isTroubled} may have changed. */
  readonly onTrouble?: (accountId: string) => void;
  /** Told after a circuit changed its state. */
  readonly onChange?: (
    scope: CircuitScope,
    change: { readonly from: CircuitStatus; readonly to: CircuitStatus },
  ) => void;
}

/** About 300 bytes each. A client can name any model, so what it names must not grow without end. */
const defaultMaxCircuits = 10_000;

interface Entry {
  readonly key: string;
  readonly scope: CircuitScope;
  circuit: Circuit;
}

/** @example const admission = circuits.begin(scope); … circuits.complete(admission.token, 'success'); */
export function createCircuitBoard({
  clock,
  rules: rulesNow = () => defaultCircuitRules,
  maxCircuits = defaultMaxCircuits,
  onTrouble = () => undefined,
  onChange = () => undefined,
}: CircuitBoardOptions): CircuitBoard {
  /** A Map keeps insertion order, and every use inserts anew: its first entry is the one unused longest. */
  const entries = new Map<string, Entry>();
  const troubled = createTroubledCircuits<Entry>();
  const tickets = new WeakMap<CircuitToken, { readonly entry: Entry; readonly ticket: CircuitTicket }>();

  function use(scope: CircuitScope): Entry {
    const key = keyOf(scope);
    const entry = entries.get(key) ?? { key, scope: scopeOf(scope), circuit: healthyCircuit };
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > maxCircuits) {
      const [oldest] = entries.values();
      if (oldest) drop(oldest);
    }
    return entry;
  }

  function drop(entry: Entry): void {
    entries.delete(entry.key);
    markSound(entry);
  }

  function markSound(entry: Entry): void {
    if (troubled.delete(entry)) onTrouble(entry.scope.accountId);
  }

  function markTroubled(entry: Entry): void {
    troubled.add(entry);
    onTrouble(entry.scope.accountId);
  }

  /** The calls of a dropped circuit still end, on an entry nobody reads any more. */
  function change(entry: Entry, circuit: Circuit): void {
    const from = entry.circuit.status;
    entry.circuit = circuit;
    if (entries.get(entry.key) !== entry || circuit.status === from) return;
    if (circuit.status === 'closed') markSound(entry);
    else markTroubled(entry);
    onChange(entry.scope, { from, to: circuit.status });
  }

  return {
    begin(scope) {
      const nowMs = clock.monotonicMs();
      const rules = rulesNow();
      const entry = use(scope);
      const block = circuitBlock(entry.circuit, { nowMs, rules });
      if (block) return { kind: 'refused', ...block };
      const { circuit, ticket } = admitCall(entry.circuit, { nowMs, rules });
      const token: CircuitToken = { scope: entry.scope, isProbe: ticket.isProbe };
      tickets.set(token, { entry, ticket });
      change(entry, circuit);
      return { kind: 'admitted', token };
    },

    answerBegan(token) {
      const held = tickets.get(token);
      if (!held) return;
      const { entry, ticket } = held;
      change(entry, beginAnswer(entry.circuit, { ticket, nowMs: clock.monotonicMs(), rules: rulesNow() }));
    },

    complete(token, outcome) {
      const held = tickets.get(token);
      if (!held) return;
      tickets.delete(token);
      const { entry, ticket } = held;
      change(entry, completeCall(entry.circuit, { ticket, outcome, nowMs: clock.monotonicMs(), rules: rulesNow() }));
    },

    look(kind, nowMs) {
      const ofKind = troubled.of(kind);
      const at = { nowMs, rules: rulesNow() };
      return {
        blocked(accountId) {
          const entry = ofKind.get(accountId);
          return entry ? circuitBlock(entry.circuit, at) : null;
        },
        statusOf: (accountId) => ofKind.get(accountId)?.circuit.status ?? 'closed',
      };
    },

    isTroubled: (accountId) => troubled.has(accountId),

    forgiveSince(sinceMs) {
      for (const entry of entries.values()) change(entry, forgiveFailures(entry.circuit, sinceMs));
    },

    forget(accountId) {
      for (const entry of entries.values()) if (entry.scope.accountId === accountId) drop(entry);
    },

    snapshot() {
      const nowMs = clock.monotonicMs();
      const rules = rulesNow();
      return [...entries.values()].flatMap(({ scope, circuit }) => {
        const failures = countedFailures(circuit, { nowMs, rules }).length;
        if (circuit.status === 'closed' && failures === 0) return [];
        return [{ ...scope, status: circuit.status, failures, ...instantsOf(circuit, { nowMs, rules }) }];
      });
    },

    get size() {
      return entries.size;
    },
  };
}

function instantsOf(circuit: Circuit, at: { nowMs: number; rules: CircuitRules }) {
  if (circuit.status === 'open') return { openedMs: circuit.openedMs, probeAtMs: circuit.openedMs + at.rules.openMs };
  const mayProbe = circuit.status === 'half_open' && circuitBlock(circuit, at) === null;
  return { openedMs: null, probeAtMs: mayProbe ? at.nowMs : null };
}

/** The model comes last: it is the only part that a client names, and may contain anything. */
function keyOf({ poolId, accountId, model, routeClass }: CircuitScope): string {
  return `${poolId}/${accountId}/${routeClass}/${model}`;
}

/** Only the scope's own fields: callers may pass a larger object, and entries live long. */
function scopeOf({ poolId, accountId, model, routeClass }: CircuitScope): CircuitScope {
  return { poolId, accountId, model, routeClass };
}
