import { describe, expect, it } from 'vitest';
import { accountFacts } from '../../../test/support/account-facts.ts';
import { keepingLog } from '../../../test/support/quiet-log.ts';
import type { Fault, FaultKind } from './faults.ts';
import { createAttemptHealth, type HealthScope, type AttemptHealth, type AttemptPass } from './attempt-health.ts';
import type { EndingFacts } from './outcome-of-fault.ts';
import { ClientLeft } from '../running-exchanges.ts';

const beginning = new Date('2026-11-23T12:00:00Z');
const minute = 60_000;

describe('an account that keeps failing', () => {
  it('is left alone after three failures, and its next users are told until when', () => {
    const { health, now } = made();
    for (let failures = 0; failures < 3; failures += 1) begin(health).failed(fault('provider_failed', 500));
    const block = { code: 'circuit_open', until: new Date(beginning.getTime() + minute) };
    expect(health.look(scope(), now()).blocked(account('a'))).toEqual(block);
    expect(health.look(scope(), now()).blocked(account('b'))).toBeNull();
    expect(health.begin(scope())).toEqual({ kind: 'refused', ...block });
  });

  it('comes back with the first answer to one try', () => {
    const { health, time } = opened();
    time.ms = minute;
    const probe = begin(health);
    expect(health.begin(scope())).toEqual({ kind: 'refused', code: 'circuit_probing', until: null });
    probe.answerBegan();
    begin(health).ended(ending({ terminal: 'completed' }));
    probe.ended(ending({ terminal: 'completed' }));
    expect(health.snapshot().circuits).toEqual([]);
  });

  it.each<readonly [string, (pass: AttemptPass) => void]>([
    ['the client leaves', (pass) => pass.ended(ending({ abortReason: new ClientLeft() }))],
    ['the request is refused as such', (pass) => pass.failed(fault('request_refused', 400))],
    ['nothing is learned', (pass) => pass.release()],
  ])('keeps the try for the next call when %s', (_, end) => {
    const { health, time } = opened();
    time.ms = minute;
    end(begin(health));
    expect(health.snapshot().circuits).toMatchObject([{ status: 'half_open' }]);
    expect(health.begin(scope()).kind).toBe('admitted');
  });

  it('counts the first word on how an attempt ended, and no other', () => {
    const { health } = made();
    for (let n = 0; n < 3; n += 1) {
      const pass = begin(health);
      pass.release();
      pass.failed(fault('provider_failed', 500));
      pass.ended(ending({ error: new Error('late') }));
    }
    expect(health.snapshot().circuits).toEqual([]);
  });

  it('is not forgotten, revived or kept out longer by a jump of the wall clock', () => {
    for (const jumpMs of [-3 * 3_600_000, 3 * 3_600_000]) {
      const { health, time, now } = opened();
      time.wallMs += jumpMs;
      time.ms = minute - 1;
      expect(health.look(scope(), now()).blocked(account('a'))).toEqual({
        code: 'circuit_open',
        until: new Date(now().getTime() + 1),
      });
      time.ms = minute;
      expect(health.look(scope(), now()).blocked(account('a'))).toBeNull();
    }
  });
});

describe('the order among accounts', () => {
  it('puts an account last for a minute after a failure that counts', () => {
    const { health, time, now } = made();
    begin(health).failed(fault('provider_failed', 500));
    expect(health.look(scope(), now()).demoted).toEqual(new Set(['a']));
    expect(health.look(scope({ keyId: 'other' }), now()).demoted).toEqual(new Set());
    expect(health.look(scope(), now()).blocked(account('a'))).toBeNull();
    time.ms = minute;
    expect(health.look(scope(), now()).demoted).toEqual(new Set());
  });

  it('does not change for a fault of the request, and is mended by a success', () => {
    const { health, now } = made();
    begin(health).failed(fault('request_refused', 400));
    expect(health.look(scope(), now()).demoted).toEqual(new Set());
    begin(health).failed(fault('provider_failed', 500));
    begin(health).ended(ending({ terminal: 'completed' }));
    expect(health.look(scope(), now()).demoted).toEqual(new Set());
  });
});

describe('a model that the plan of an account lacks', () => {
  it.each(['plan_lacks_feature', 'model_unavailable'] as const)(
    'is left out on that account alone after %s',
    (kind) => {
      const { health, time, now } = made();
      begin(health).failed(fault(kind, 429));
      expect(health.look(scope(), now()).blocked(account('a'))?.code).toBe('model_refused');
      expect(health.look(scope(), now()).blocked(account('b'))).toBeNull();
      expect(health.look(scope({ model: 'gpt-5.5' }), now()).blocked(account('a'))).toBeNull();
      expect(health.snapshot().circuits).toEqual([]);
      time.ms = 30 * minute;
      expect(health.look(scope(), now()).blocked(account('a'))).toBeNull();
    },
  );

  it('is left out also when the refusal comes in the middle of an answer', () => {
    const { health, now } = made();
    begin(health).ended(ending({ terminal: 'failed', failureCode: 'usage_not_included' }));
    expect(health.look(scope(), now()).blocked(account('a'))?.code).toBe('model_refused');
  });

  it('is served again as soon as a call for it that was under way is answered', () => {
    const { health, now } = made();
    const underWay = begin(health);
    begin(health).failed(fault('plan_lacks_feature', 429));
    underWay.ended(ending({ terminal: 'completed' }));
    expect(health.look(scope(), now()).blocked(account('a'))).toBeNull();
  });
});

describe('a machine without a network', () => {
  it('opens no circuit and demotes nobody, however many calls fail', () => {
    const { health, time } = made();
    begin(health).answerBegan();
    for (let n = 0; n < 30; n += 1) {
      time.ms += 3_000;
      for (const accountId of ['a', 'b']) {
        const admission = health.begin(scope({ accountId }));
        if (admission.kind === 'admitted') admission.pass.failed(fault('connect_failed'));
      }
    }
    expect(health.snapshot().circuits).toEqual([]);
    expect(health.snapshot().outage.sinceMs).not.toBeNull();
  });

  it('opens no circuit with one account either', () => {
    const { health, time } = made();
    for (let n = 0; n < 5; n += 1) {
      begin(health).failed(fault('connect_failed'));
      time.ms += 3_000;
    }
    expect(health.snapshot().circuits).toEqual([]);
  });

  it('takes back what broke before the outage was noticed: streams that were cut with it', () => {
    const { health, now, log } = made();
    const streams = [1, 2, 3, 4].map(() => begin(health));
    for (const stream of streams) stream.answerBegan();
    for (const stream of streams) stream.failed(fault('connection_lost'));
    expect(health.look(scope(), now()).blocked(account('a'))?.code).toBe('circuit_open');
    begin(health, { accountId: 'b' }).failed(fault('connect_failed'));
    begin(health, { accountId: 'c' }).failed(fault('connect_failed'));
    expect(health.snapshot().circuits).toEqual([]);
    expect(health.look(scope(), now()).demoted).toEqual(new Set());
    expect(log.events.map(({ event }) => event)).toContain('network_down');
  });

  it('refuses calls that would only wait, and lets one look every few seconds', () => {
    const { health, time, now } = made();
    for (const accountId of ['a', 'b']) begin(health, { accountId }).failed(fault('connect_failed'));
    const block = { code: 'network_down', until: new Date(beginning.getTime() + 3_000) };
    expect(health.look(scope(), now()).blocked(account('a'))).toEqual(block);
    expect(health.begin(scope({ accountId: 'b' }))).toEqual({ kind: 'refused', ...block });
    time.ms = 3_000;
    const look = begin(health);
    expect(health.begin(scope({ accountId: 'b' })).kind).toBe('refused');
    look.answerBegan();
    expect(health.begin(scope({ accountId: 'b' })).kind).toBe('admitted');
  });

  it('is over when the provider answers, be it with a refusal; then failures count again', () => {
    const { health, log } = made();
    for (const accountId of ['a', 'b']) begin(health, { accountId }).failed(fault('connect_failed'));
    begin(health, { accountId: 'c' }).failed(fault('provider_failed', 502));
    expect(log.events.map(({ event }) => event)).toContain('network_up');
    expect(health.snapshot().circuits).toMatchObject([{ accountId: 'c', failures: 1 }]);
    for (let n = 0; n < 3; n += 1) begin(health).failed(fault('provider_failed', 502));
    expect(health.snapshot().circuits).toContainEqual(expect.objectContaining({ accountId: 'a', status: 'open' }));
  });

  it('opens the circuit of one account that cannot be reached while others can', () => {
    const { health, now } = made();
    for (let n = 0; n < 3; n += 1) {
      begin(health).failed(fault('connect_failed'));
      begin(health, { accountId: 'b' }).answerBegan();
    }
    expect(health.look(scope(), now()).blocked(account('a'))?.code).toBe('circuit_open');
  });
});

describe('what an account leaves behind that was removed or signed in again', () => {
  it('is nothing', () => {
    const { health, now } = opened();
    begin(health, { accountId: 'b' }).failed(fault('plan_lacks_feature', 429));
    health.forget('a');
    health.forget('b');
    expect(health.snapshot()).toMatchObject({ circuits: [], refusedModels: [] });
    const view = health.look(scope(), now());
    expect([view.blocked(account('a')), view.blocked(account('b')), view.demoted.size]).toEqual([null, null, 0]);
  });
});

function made() {
  const time = { ms: 0, wallMs: beginning.getTime() };
  const log = keepingLog();
  const now = () => new Date(time.wallMs + time.ms);
  const health = createAttemptHealth({ clock: { now, monotonicMs: () => time.ms }, log });
  return { health, time, now, log };
}

/** As an account looks against which something may speak: what it is has to be looked up. */
function account(id: string) {
  const facts = accountFacts(id);
  return { ...facts, held: { ...facts.held, isTroubled: true } };
}

/** Account a has failed three times. */
function opened() {
  const parts = made();
  for (let failures = 0; failures < 3; failures += 1) begin(parts.health).failed(fault('provider_failed', 500));
  return parts;
}

function scope(overrides: Partial<HealthScope> = {}): HealthScope {
  return { poolId: 'p', keyId: 'k', accountId: 'a', model: 'spark', routeClass: 'proxy_stream', ...overrides };
}

function begin(health: AttemptHealth, overrides: Partial<HealthScope> = {}): AttemptPass {
  const admission = health.begin(scope(overrides));
  if (admission.kind === 'refused') throw new Error(`refused: ${admission.code}`);
  return admission.pass;
}

function fault(kind: FaultKind, upstreamStatus: number | null = null): Fault {
  return { kind, upstreamStatus, code: kind, retryAfterMs: null, answer: null };
}

function ending(facts: Partial<EndingFacts>): EndingFacts {
  return { terminal: null, failureCode: null, error: null, abortReason: null, now: beginning, ...facts };
}
