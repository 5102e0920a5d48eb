import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admitCall,
  beginAnswer,
  circuitBlock,
  completeCall,
  countedFailures,
  defaultCircuitRules as rules,
  forgiveFailures,
  healthyCircuit,
  type Circuit,
  type HealthOutcome,
} from './circuit.ts';

const second = 1_000;
const minute = 60_000;

describe('a closed circuit', () => {
  it('opens with the third failure in a row, and takes no call for a minute', () => {
    let circuit = failed(healthyCircuit, 0);
    circuit = failed(circuit, second);
    expect(circuitBlock(circuit, at(second))).toBeNull();
    circuit = failed(circuit, 2 * second);
    expect(circuit.status).toBe('open');
    const block = { reason: 'circuit_open', untilMs: 62 * second };
    expect(circuitBlock(circuit, at(2 * second))).toEqual(block);
    expect(circuitBlock(circuit, at(62 * second - 1))).toEqual(block);
    expect(circuitBlock(circuit, at(62 * second))).toBeNull();
  });

  it('begins to count anew after a success', () => {
    let circuit = failed(failed(healthyCircuit, 0), 1);
    circuit = completed(circuit, 'success', 2);
    circuit = failed(failed(circuit, 3), 4);
    expect(circuit.status).toBe('closed');
    expect(failed(circuit, 5).status).toBe('open');
  });

  it('is not touched by neutral ends', () => {
    const circuit = failed(failed(healthyCircuit, 0), 1);
    expect(completed(circuit, 'neutral', 2)).toBe(circuit);
  });

  it('counts no failure that is as old as the window', () => {
    const two = failed(failed(healthyCircuit, 0), minute);
    expect(failed(two, 5 * minute).status).toBe('closed');
    expect(failed(two, 5 * minute - 1).status).toBe('open');
    expect(countedFailures(two, at(5 * minute - 1))).toEqual([0, minute]);
    expect(countedFailures(two, at(5 * minute))).toEqual([minute]);
    expect(countedFailures(two, at(6 * minute))).toEqual([]);
  });

  it('opens exactly when so many failures lie within one window, whatever their spacing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 * minute }), { maxLength: 12 }), (gaps) => {
        const times: number[] = [];
        let circuit: Circuit = healthyCircuit;
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          times.push(nowMs);
          circuit = failed(circuit, nowMs);
          const third = times.at(-rules.failureThreshold);
          const shouldOpen = third !== undefined && nowMs - third < rules.windowMs;
          expect(circuit.status).toBe(shouldOpen ? 'open' : 'closed');
          if (shouldOpen) return;
        }
      }),
    );
  });
});

describe('an open circuit after its wait', () => {
  it('lets one call try it and refuses the next', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    expect(ticket.isProbe).toBe(true);
    expect(circuitBlock(circuit, at(minute))).toEqual({ reason: 'circuit_probing', untilMs: null });
  });

  it('closes with the success of the try, and has forgotten its failures', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const closed = completeCall(circuit, { ticket, outcome: 'success', ...at(minute + 1) });
    expect(closed).toMatchObject({ status: 'closed', failedAtMs: [] });
  });

  it('is left alone for another minute when the try fails', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const open = completeCall(circuit, { ticket, outcome: 'failure', ...at(70 * second) });
    expect(circuitBlock(open, at(130 * second - 1))?.reason).toBe('circuit_open');
    expect(circuitBlock(open, at(130 * second))).toBeNull();
  });

  it('gives the try to the next call when it said nothing', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const free = completeCall(circuit, { ticket, outcome: 'neutral', ...at(minute + 1) });
    expect(free.status).toBe('half_open');
    expect(circuitBlock(free, at(minute + 1))).toBeNull();
    expect(admitCall(free, at(minute + 1)).ticket.isProbe).toBe(true);
  });

  it('gives the try to the next call when nobody ever completes it, and ignores it if somebody does later', () => {
    const first = admitCall(opened(0), at(minute));
    const lapsedMs = minute + rules.probeLapseMs;
    expect(circuitBlock(first.circuit, at(lapsedMs - 1))?.reason).toBe('circuit_probing');
    expect(circuitBlock(first.circuit, at(lapsedMs))).toBeNull();
    const second = admitCall(first.circuit, at(lapsedMs));
    for (const outcome of ['success', 'failure', 'neutral'] as const) {
      expect(completeCall(second.circuit, { ticket: first.ticket, outcome, ...at(lapsedMs + 1) })).toBe(second.circuit);
    }
  });
});

describe('an open circuit that several may try', () => {
  const several = { ...rules, probes: 2, successesToClose: 2 };
  const then = (nowMs: number) => ({ nowMs, rules: several });

  it('lets so many at once, and closes with so many successes', () => {
    const first = admitCall(opened(0), then(minute));
    const second = admitCall(first.circuit, then(minute));
    expect(circuitBlock(second.circuit, then(minute))?.reason).toBe('circuit_probing');
    const one = completeCall(second.circuit, { ticket: first.ticket, outcome: 'success', ...then(minute + 1) });
    expect(one.status).toBe('half_open');
    expect(circuitBlock(one, then(minute + 1))).toBeNull();
    expect(completeCall(one, { ticket: first.ticket, outcome: 'success', ...then(minute + 2) })).toBe(one);
    const both = completeCall(one, { ticket: second.ticket, outcome: 'success', ...then(minute + 2) });
    expect(both.status).toBe('closed');
  });

  it('opens again with the first that fails, and hears nothing of the other', () => {
    const first = admitCall(opened(0), then(minute));
    const second = admitCall(first.circuit, then(minute));
    const failedAgain = completeCall(second.circuit, {
      ticket: second.ticket,
      outcome: 'failure',
      ...then(minute + 1),
    });
    expect(failedAgain.status).toBe('open');
    expect(completeCall(failedAgain, { ticket: first.ticket, outcome: 'success', ...then(minute + 2) })).toBe(
      failedAgain,
    );
  });

  it('does not close with an answer that only began while another success is needed', () => {
    const { circuit, ticket } = admitCall(opened(0), then(minute));
    expect(beginAnswer(circuit, { ticket, ...then(minute + 1) })).toBe(circuit);
  });
});

describe('a try whose answer has begun', () => {
  it('closes the circuit at once, without waiting for the end of the answer', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const closed = beginAnswer(circuit, { ticket, ...at(minute + 1) });
    expect(closed.status).toBe('closed');
    expect(circuitBlock(closed, at(minute + 1))).toBeNull();
  });

  it('opens it again when the answer then breaks', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const closed = beginAnswer(circuit, { ticket, ...at(minute + 1) });
    const broken = completeCall(closed, { ticket, outcome: 'failure', ...at(minute + 2) });
    expect(broken).toMatchObject({ status: 'open', openedMs: minute + 2 });
  });

  it('leaves no suspicion once an answer has ended well', () => {
    const { circuit, ticket } = admitCall(opened(0), at(minute));
    const closed = beginAnswer(circuit, { ticket, ...at(minute + 1) });
    const sound = completeCall(closed, { ticket, outcome: 'success', ...at(minute + 2) });
    expect(failed(failed(sound, minute + 3), minute + 4).status).toBe('closed');
  });

  it('changes nothing for a call that is not the try', () => {
    const two = failed(failed(healthyCircuit, 0), 1);
    const { ticket } = admitCall(two, at(2));
    expect(beginAnswer(two, { ticket, ...at(3) })).toBe(two);
    const probing = admitCall(opened(0), at(minute)).circuit;
    expect(beginAnswer(probing, { ticket, ...at(minute) })).toBe(probing);
  });
});

describe('the late end of a call admitted before the circuit opened', () => {
  const old = admitCall(healthyCircuit, at(0)).ticket;
  const open = opened(second);
  const probing = admitCall(open, at(2 * minute));
  const free = completeCall(probing.circuit, { ticket: probing.ticket, outcome: 'neutral', ...at(2 * minute) });
  const closedAgain = completeCall(probing.circuit, { ticket: probing.ticket, outcome: 'success', ...at(2 * minute) });

  it.each([
    ['is open', open],
    ['is being tried', probing.circuit],
    ['waits for the next try', free],
    ['has closed again', closedAgain],
  ])('changes nothing while the circuit %s', (_, circuit) => {
    for (const outcome of ['success', 'failure', 'neutral'] as const) {
      expect(completeCall(circuit, { ticket: old, outcome, ...at(3 * minute) })).toBe(circuit);
    }
  });
});

describe('failures that are taken back', () => {
  it('closes a circuit that they opened', () => {
    const circuit = forgiveFailures(opened(10), 10);
    expect(circuit).toMatchObject({ status: 'closed', failedAtMs: [] });
  });

  it('keeps older failures, and a circuit that opened before', () => {
    const two = failed(failed(healthyCircuit, 5), 10);
    expect(countedFailures(forgiveFailures(two, 10), at(11))).toEqual([5]);
    expect(forgiveFailures(two, 11)).toBe(two);
    const open = opened(10);
    expect(forgiveFailures(open, 11)).toBe(open);
  });

  it('leaves a try under way alone', () => {
    const { circuit } = admitCall(opened(0), at(minute));
    expect(forgiveFailures(circuit, 0)).toBe(circuit);
  });
});

function at(nowMs: number) {
  return { nowMs, rules };
}

function completed(circuit: Circuit, outcome: HealthOutcome, nowMs: number): Circuit {
  const admitted = admitCall(circuit, at(nowMs));
  return completeCall(admitted.circuit, { ticket: admitted.ticket, outcome, ...at(nowMs) });
}

function failed(circuit: Circuit, nowMs: number): Circuit {
  return completed(circuit, 'failure', nowMs);
}

/** A circuit that opened at this moment. */
function opened(nowMs: number): Circuit {
  return failed(failed(failed(healthyCircuit, nowMs), nowMs), nowMs);
}
