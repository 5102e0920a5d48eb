import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCircuitBoard, type CircuitBoard, type CircuitToken } from './circuit-board.ts';
import type { CircuitScope } from './circuit-scope.ts';
import { defaultCircuitRules as rules, type HealthOutcome } from './circuit.ts';

const minute = 60_000;
const scope: CircuitScope = { poolId: 'p', accountId: 'a', model: 'gpt-5.5', routeClass: 'proxy_stream' };

/** Calls begin and end in any order, some twice, some late, some never. */
type Step =
  | { readonly kind: 'begin' }
  | { readonly kind: 'complete'; readonly pick: CallPick; readonly outcome: HealthOutcome }
  | { readonly kind: 'answer'; readonly pick: CallPick }
  | { readonly kind: 'wait'; readonly ms: number };
/** The nth call among those still running, or among all there were. */
type CallPick = { readonly nth: number; readonly among: 'running' | 'all' };

const pick: fc.Arbitrary<CallPick> = fc.record({
  nth: fc.nat(1_000),
  among: fc.constantFrom<CallPick['among']>('running', 'running', 'running', 'all'),
});
const outcome = fc.constantFrom<HealthOutcome>('failure', 'failure', 'failure', 'failure', 'success', 'neutral');
const ms = fc.constantFrom(1, 1_000, minute, minute, 7 * minute);
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('complete' as const), pick, outcome }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms }) },
  ),
  { maxLength: 120, size: 'max' },
);

interface Begun {
  readonly token: CircuitToken;
  readonly beganMs: number;
  /** How often the circuit had left the closed state when the call was admitted. */
  readonly openings: number;
  isOver: boolean;
}

/** Plays the steps; `see` is told what stood before and after each. */
function play(script: readonly Step[], see: (seen: Seen) => void) {
  const time = { ms: 0 };
  let openings = 0;
  const board = createCircuitBoard({
    clock: { monotonicMs: () => time.ms },
    onChange: (_, { from }) => void (openings += from === 'closed' ? 1 : 0),
  });
  const begun: Begun[] = [];
  for (const one of script) {
    const before = board.snapshot();
    const openingsBefore = openings;
    let call: Begun | null = null;
    let newest: Begun | null = null;
    if (one.kind === 'wait') time.ms += one.ms;
    else if (one.kind === 'begin') {
      const admission = board.begin(scope);
      if (admission.kind === 'admitted') {
        newest = { token: admission.token, beganMs: time.ms, openings, isOver: false };
        begun.push(newest);
      }
    } else {
      const among = begun.filter(({ isOver }) => one.pick.among === 'all' || !isOver);
      call = among[one.pick.nth % Math.max(1, among.length)] ?? null;
      if (call && one.kind === 'complete') board.complete(call.token, one.outcome);
      if (call && one.kind === 'answer') board.answerBegan(call.token);
    }
    see({ call, admitted: newest, openingsBefore, before, after: board.snapshot(), nowMs: time.ms });
    if (call && one.kind === 'complete') call.isOver = true;
  }
  return { board, time, begun };
}

interface Seen {
  /** The call that the step was about. */
  readonly call: Begun | null;
  /** The call that the step admitted. */
  readonly admitted: Begun | null;
  readonly openingsBefore: number;
  readonly before: ReturnType<CircuitBoard['snapshot']>;
  readonly after: ReturnType<CircuitBoard['snapshot']>;
  readonly nowMs: number;
}

describe('any interleaving of calls', () => {
  it('never has two tries under way', () => {
    fc.assert(
      fc.property(steps, (script) => {
        let trying: Begun | null = null;
        play(script, ({ call, admitted: newest, nowMs }) => {
          // A try is over with its end, or with the beginning of its answer.
          if (call !== null && call === trying) trying = null;
          if (!newest?.token.isProbe) return;
          if (trying) expect(nowMs).toBeGreaterThanOrEqual(trying.beganMs + rules.probeLapseMs);
          trying = newest;
        });
      }),
      { numRuns: 500 },
    );
  });

  it('admits calls other than tries only while the circuit is closed', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, ({ admitted: newest, before }) => {
          if (newest) expect(newest.token.isProbe).toBe((before[0]?.status ?? 'closed') !== 'closed');
        });
      }),
    );
  });

  it('ends with a circuit that takes a call again, even when calls are never given back', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (script, givesBack) => {
        const { board, time, begun } = play(script, () => undefined);
        if (givesBack) for (const { token } of begun) board.complete(token, 'neutral');
        time.ms += givesBack ? rules.openMs : rules.probeLapseMs;
        expect(board.begin(scope).kind).toBe('admitted');
      }),
      { numRuns: 500 },
    );
  });

  it('hears nothing from a call that was admitted before the circuit last opened', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, ({ call, openingsBefore, before, after }) => {
          if (call && !call.token.isProbe && call.openings < openingsBefore) expect(after).toEqual(before);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('hears nothing from a call that was given back before', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, ({ call, before, after }) => {
          if (call?.isOver) expect(after).toEqual(before);
        });
      }),
    );
  });
});
