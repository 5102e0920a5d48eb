/**
 * When an account that keeps failing is left alone, and how it comes back: a pure reducer. Every change
 * of state begins a new generation, and a result counts only in the generation its call was admitted in. So the late
 * end of an old call can neither open, close nor free anything. All instants are monotonic milliseconds.
 */

/** What a finished call says about the health of its circuit. `neutral` says nothing: the fault was another's. */
export type HealthOutcome = 'success' | 'failure' | 'neutral';

export interface CircuitRules {
  /** Failures without a success between them, within the window, that open a circuit. */
  readonly failureThreshold: number;
  /** Failures older than this no longer count. */
  readonly windowMs: number;
  /** How long an open circuit is left alone before a call may try it. */
  readonly openMs: number;
  /** How many calls may try it at once. */
  readonly probes: number;
  /** How many of them must succeed before everybody may call again. */
  readonly successesToClose: number;
  /** A try that has said nothing for so long has lost its turn to the next one. */
  readonly probeLapseMs: number;
}

/**
 * Threshold, open time and tries are those of gateway spec 6, the window that of 16.3. A probe lapses after the longest
 * default wait for an answer (compaction, 300 s) and a minute more: lapsing early would let two calls try a sick
 * account at once, lapsing late only matters if a call is never completed.
 */
export const defaultCircuitRules: CircuitRules = {
  failureThreshold: 3,
  windowMs: 5 * 60_000,
  openMs: 60_000,
  probes: 1,
  successesToClose: 1,
  probeLapseMs: 6 * 60_000,
};

export type Circuit =
  | { readonly status: 'closed'; readonly generation: number; readonly failedAtMs: readonly number[] }
  | { readonly status: 'open'; readonly generation: number; readonly openedMs: number }
  | {
      readonly status: 'half_open';
      readonly generation: number;
      /** The tries under way, and when each began. */
      readonly probes: readonly { readonly number: number; readonly beganMs: number }[];
      /** Tries begun so far; names the next. */
      readonly begun: number;
      readonly successes: number;
    };

export type CircuitStatus = Circuit['status'];

/** Why a circuit takes no call now. `untilMs` is null when it depends on a try that is under way. */
export interface CircuitBlock {
  readonly reason: 'circuit_open' | 'circuit_probing';
  readonly untilMs: number | null;
}

/** What a call must bring back with its result. */
export interface CircuitTicket {
  readonly generation: number;
  readonly isProbe: boolean;
  /** Which try it is; 0 for other calls. */
  readonly probe: number;
}

export const healthyCircuit: Circuit = { status: 'closed', generation: 0, failedAtMs: [] };

interface At {
  readonly nowMs: number;
  readonly rules: CircuitRules;
}

/** Why a call may not begin now; null when it may. */
export function circuitBlock(circuit: Circuit, { nowMs, rules }: At): CircuitBlock | null {
  if (circuit.status === 'open') {
    const untilMs = circuit.openedMs + rules.openMs;
    return nowMs < untilMs ? { reason: 'circuit_open', untilMs } : null;
  }
  if (circuit.status === 'closed') return null;
  const underWay = circuit.probes.filter((probe) => nowMs < probe.beganMs + rules.probeLapseMs).length;
  return underWay >= rules.probes ? { reason: 'circuit_probing', untilMs: null } : null;
}

/** Admits a call that {@link circuitBlock} does not block. On a circuit that is not closed it is a probe. */
export function admitCall(circuit: Circuit, { nowMs, rules }: At): { circuit: Circuit; ticket: CircuitTicket } {
  const { status, generation } = circuit;
  if (status === 'closed') return { circuit, ticket: { generation, isProbe: false, probe: 0 } };
  const before =
    status === 'half_open'
      ? circuit
      : ({ status: 'half_open', generation: generation + 1, probes: [], begun: 0, successes: 0 } as const);
  const number = before.begun + 1;
  // A try that lapsed has lost its say, so its late end must find nothing.
  const underWay = before.probes.filter((probe) => nowMs < probe.beganMs + rules.probeLapseMs);
  return {
    circuit: { ...before, begun: number, probes: [...underWay, { number, beganMs: nowMs }] },
    ticket: { generation: before.generation, isProbe: true, probe: number },
  };
}

/** Takes in how a call ended. The same ticket may be given once; the board sees to that. */
export function completeCall(
  circuit: Circuit,
  { ticket, outcome, nowMs, rules }: At & { ticket: CircuitTicket; outcome: HealthOutcome },
): Circuit {
  const { status, generation } = circuit;
  if (ticket.generation !== generation || status === 'open') return circuit;
  const next = generation + 1;
  if (status === 'half_open') {
    if (!isUnderWay(circuit, ticket)) return circuit;
    if (outcome === 'failure') return { status: 'open', generation: next, openedMs: nowMs };
    const successes = circuit.successes + (outcome === 'success' ? 1 : 0);
    if (successes >= rules.successesToClose) return { status: 'closed', generation: next, failedAtMs: [] };
    return { ...circuit, successes, probes: circuit.probes.filter(({ number }) => number !== ticket.probe) };
  }
  if (outcome === 'neutral') return circuit;
  if (outcome === 'success') return { ...circuit, failedAtMs: [] };
  const failedAtMs = [...countedFailures(circuit, { nowMs, rules }), nowMs];
  if (failedAtMs.length >= rules.failureThreshold) return { status: 'open', generation: next, openedMs: nowMs };
  return { ...circuit, failedAtMs };
}

/**
 * The call's answer has begun, but may still go on for minutes. A probe closes the circuit with it, so that others need
 * not wait for the end; its own end still counts, and until a success one more failure opens the circuit again.
 */
export function beginAnswer(circuit: Circuit, { ticket, nowMs, rules }: At & { ticket: CircuitTicket }): Circuit {
  if (circuit.status !== 'half_open' || ticket.generation !== circuit.generation) return circuit;
  if (!isUnderWay(circuit, ticket) || circuit.successes + 1 < rules.successesToClose) return circuit;
  return {
    status: 'closed',
    generation: circuit.generation,
    failedAtMs: Array<number>(Math.max(0, rules.failureThreshold - 1)).fill(nowMs),
  };
}

/** Takes back every failure noted at `sinceMs` or later: it turned out that they said nothing about the account. */
export function forgiveFailures(circuit: Circuit, sinceMs: number): Circuit {
  if (circuit.status === 'closed') {
    const failedAtMs = circuit.failedAtMs.filter((failedMs) => failedMs < sinceMs);
    return failedAtMs.length === circuit.failedAtMs.length ? circuit : { ...circuit, failedAtMs };
  }
  if (circuit.status === 'half_open' || circuit.openedMs < sinceMs) return circuit;
  return { status: 'closed', generation: circuit.generation + 1, failedAtMs: [] };
}

function isUnderWay(circuit: Circuit, { probe }: CircuitTicket): boolean {
  return circuit.status === 'half_open' && circuit.probes.some(({ number }) => number === probe);
}

/** Failures that count at this moment, oldest first; none unless the circuit is closed. */
export function countedFailures(circuit: Circuit, { nowMs, rules }: At): readonly number[] {
  if (circuit.status !== 'closed') return [];
  return circuit.failedAtMs.filter((failedMs) => failedMs > nowMs - rules.windowMs);
}
