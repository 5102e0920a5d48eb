import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultRow, faults, type Fault, type FaultKind } from './faults.ts';
import { mayRetry, type RetryDecision, type RetryFacts } from './may-retry.ts';

const kinds = Object.keys(faults) as FaultKind[];

/** What becomes of a request after its first fault: plain, and as a compaction. Another account, or why not. */
const afterFirst: Record<FaultKind, readonly [plain: string, compaction: string]> = {
  connect_failed: ['another', 'another'],
  connection_lost: ['another', 'compaction'],
  answer_timeout: ['another', 'compaction'],
  edge_blocked: ['fault', 'fault'],
  redirected: ['fault', 'fault'],
  token_rejected: ['another', 'another'],
  token_unavailable: ['another', 'another'],
  account_dead: ['another', 'another'],
  usage_exhausted: ['another', 'another'],
  plan_lacks_feature: ['another', 'compaction'],
  rate_limited: ['another', 'another'],
  model_unavailable: ['another', 'compaction'],
  model_overloaded: ['another', 'compaction'],
  policy_refused: ['another', 'compaction'],
  request_refused: ['fault', 'fault'],
  sealed_elsewhere: ['fault', 'fault'],
  provider_failed: ['another', 'compaction'],
  answer_malformed: ['another', 'compaction'],
  answer_too_large: ['fault', 'fault'],
};

describe('another attempt', () => {
  it.each(kinds)('after %s', (kind) => {
    const [plain, compaction] = afterFirst[kind];
    expect(wordOf(mayRetry(facts({ faults: [fault(kind)] })))).toBe(plain);
    expect(wordOf(mayRetry(facts({ faults: [fault(kind)], isCompaction: true })))).toBe(compaction);
  });

  it.each(kinds)('after %s for the second time', (kind) => {
    const expected = faultRow(kind).retry === 'other_account_once' ? 'once' : afterFirst[kind][0];
    expect(wordOf(mayRetry(facts({ faults: [fault(kind), fault(kind)] })))).toBe(expected);
  });

  it('counts a fault that may repeat once apart from the others', () => {
    const mixed = [fault('provider_failed'), fault('connect_failed'), fault('model_overloaded')];
    expect(mayRetry(facts({ faults: mixed }))).toEqual({ retry: true });
    expect(mayRetry(facts({ faults: [fault('model_overloaded'), ...mixed] }))).toEqual({ retry: false, why: 'once' });
  });

  it('never follows once something was sent, the client left, or the time is over', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        expect(mayRetry({ ...any, isCommitted: true })).toEqual({ retry: false, why: 'committed' });
        expect(mayRetry({ ...any, isAborted: true }).retry).toBe(false);
        expect(mayRetry({ ...any, isPastDeadline: true }).retry).toBe(false);
      }),
    );
  });

  it('never follows a fault whose row forbids it', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        const newest = any.faults.at(-1);
        fc.pre(newest !== undefined && faultRow(newest.kind).retry === 'never');
        expect(mayRetry(any).retry).toBe(false);
      }),
    );
  });

  it('follows a fault of the request that can be mended, as long as anybody waits for it', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        fc.pre(any.faults.length > 0);
        const isOver = any.isCommitted || any.isAborted || any.isPastDeadline;
        expect(mayRetry({ ...any, isMendable: true }).retry).toBe(!isOver);
      }),
    );
  });

  it('never repeats a compaction that may have been worked on', () => {
    const mayHaveRun = kinds.filter((kind) => afterFirst[kind][1] !== 'another');
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...mayHaveRun), (any, kind) => {
        expect(mayRetry({ ...any, isCompaction: true, faults: [...any.faults, fault(kind)] }).retry).toBe(false);
      }),
    );
  });
});

const anyFacts: fc.Arbitrary<RetryFacts> = fc.record({
  isCommitted: fc.boolean(),
  isAborted: fc.boolean(),
  isPastDeadline: fc.boolean(),
  isCompaction: fc.boolean(),
  isMendable: fc.constant(false),
  faults: fc.array(fc.constantFrom(...kinds).map(fault), { maxLength: 5 }),
});

function facts(overrides: Partial<RetryFacts>): RetryFacts {
  return {
    isCommitted: false,
    isAborted: false,
    isPastDeadline: false,
    isCompaction: false,
    isMendable: false,
    faults: [],
    ...overrides,
  };
}

function fault(kind: FaultKind): Fault {
  return { kind, upstreamStatus: null, code: kind, retryAfterMs: null, answer: null };
}

function wordOf(decision: RetryDecision): string {
  return decision.retry ? 'another' : decision.why;
}
