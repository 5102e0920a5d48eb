import { describe, expect, it } from 'vitest';
import { createCircuitBoard, type CircuitBoard, type CircuitToken } from './circuit-board.ts';
import type { CircuitScope } from './circuit-scope.ts';
import { defaultCircuitRules as rules } from './circuit.ts';

const minute = 60_000;
const blocked = (board: CircuitBoard, asked: CircuitScope, nowMs: number) =>
  board.look(asked, nowMs).blocked(asked.accountId);

describe('the circuits of all accounts', () => {
  it('lets nobody through after the third failure, and one call a minute later', () => {
    const { board, time } = made();
    fail(board, scope());
    fail(board, scope());
    fail(board, scope());
    expect(board.begin(scope())).toEqual({ kind: 'refused', reason: 'circuit_open', untilMs: minute });
    expect(blocked(board, scope(), minute - 1)).toEqual({ reason: 'circuit_open', untilMs: minute });
    expect(blocked(board, scope(), minute)).toBeNull();
    time.ms = minute;
    const probe = admitted(board, scope());
    expect(probe.isProbe).toBe(true);
    expect(blocked(board, scope(), time.ms)).toEqual({ reason: 'circuit_probing', untilMs: null });
    expect(board.begin(scope()).kind).toBe('refused');
    board.complete(probe, 'success');
    expect(blocked(board, scope(), time.ms)).toBeNull();
    expect(admitted(board, scope()).isProbe).toBe(false);
  });

  it('looks without changing anything', () => {
    const { board, time } = made();
    open(board, scope());
    time.ms = minute;
    for (let look = 0; look < 3; look += 1) expect(blocked(board, scope(), time.ms)).toBeNull();
    expect(admitted(board, scope()).isProbe).toBe(true);
    expect(blocked(board, scope({ accountId: 'never used' }), time.ms)).toBeNull();
    expect(board.size).toBe(1);
  });

  it.each([
    ['Pool', { poolId: 'q' }],
    ['account', { accountId: 'b' }],
    ['model', { model: 'other' }],
    ['route class', { routeClass: 'proxy_compact' }],
  ] as const)('does not block another %s', (_, other) => {
    const { board } = made();
    open(board, scope());
    expect(blocked(board, scope(other), 0)).toBeNull();
    expect(board.begin(scope(other)).kind).toBe('admitted');
    expect(blocked(board, scope(), 0)?.reason).toBe('circuit_open');
  });

  it('counts a token once, however often it is given back', () => {
    const { board } = made();
    const token = admitted(board, scope());
    for (let again = 0; again < 5; again += 1) board.complete(token, 'failure');
    expect(board.snapshot()).toMatchObject([{ status: 'closed', failures: 1 }]);
  });

  it('does not let a neutral end given back twice free the try of another', () => {
    const { board, time } = made();
    open(board, scope());
    time.ms = minute;
    const first = admitted(board, scope());
    board.complete(first, 'neutral');
    const second = admitted(board, scope());
    board.complete(first, 'neutral');
    expect(second.isProbe).toBe(true);
    expect(board.begin(scope()).kind).toBe('refused');
  });

  it('serves everybody again as soon as the answer to the try has begun', () => {
    const { board, time } = made();
    open(board, scope());
    time.ms = minute;
    const probe = admitted(board, scope());
    board.answerBegan(probe);
    expect(admitted(board, scope()).isProbe).toBe(false);
    board.complete(probe, 'failure');
    expect(blocked(board, scope(), time.ms)?.reason).toBe('circuit_open');
    board.answerBegan(probe);
    expect(blocked(board, scope(), time.ms)?.reason).toBe('circuit_open');
  });

  it('takes back what failed while nobody could be reached, on every circuit', () => {
    const { board, time } = made();
    open(board, scope({ accountId: 'opened before' }));
    time.ms = 1_000;
    open(board, scope({ accountId: 'a' }));
    fail(board, scope({ accountId: 'b' }));
    board.forgiveSince(500);
    expect(board.snapshot().map(({ accountId, status }) => [accountId, status])).toEqual([['opened before', 'open']]);
    expect(board.begin(scope({ accountId: 'a' })).kind).toBe('admitted');
  });

  it('tells each change of state once', () => {
    const changes: string[] = [];
    const time = { ms: 0 };
    const board = createCircuitBoard({
      clock: { monotonicMs: () => time.ms },
      onChange: ({ accountId }, { from, to }) => changes.push(`${accountId}: ${from} → ${to}`),
    });
    open(board, scope());
    time.ms = minute;
    board.complete(admitted(board, scope()), 'neutral');
    board.complete(admitted(board, scope()), 'success');
    fail(board, scope());
    expect(changes).toEqual(['a: closed → open', 'a: open → half_open', 'a: half_open → closed']);
  });
});

describe('what is held in memory', () => {
  it('never holds more circuits than allowed, and forgets the one unused longest', () => {
    const { board } = made({ maxCircuits: 3 });
    open(board, scope({ model: 'first' }));
    open(board, scope({ model: 'second' }));
    board.begin(scope({ model: 'third' }));
    board.begin(scope({ model: 'first' }));
    board.begin(scope({ model: 'fourth' }));
    expect(board.size).toBe(3);
    expect(blocked(board, scope({ model: 'first' }), 0)?.reason).toBe('circuit_open');
    expect(blocked(board, scope({ model: 'second' }), 0)).toBeNull();
    for (let n = 0; n < 50; n += 1) fail(board, scope({ model: `invented-${n}` }));
    expect(board.size).toBe(3);
  });

  it('does not let calls of a forgotten account speak about the account that comes back', () => {
    const { board } = made();
    const tokens = [1, 2, 3].map(() => admitted(board, scope()));
    board.forget('a');
    for (const token of tokens) board.complete(token, 'failure');
    expect(board.size).toBe(0);
    expect(blocked(board, scope(), 0)).toBeNull();
    fail(board, scope());
    fail(board, scope());
    for (const token of tokens) board.complete(token, 'failure');
    expect(board.snapshot()).toMatchObject([{ failures: 2 }]);
  });

  it('shows only circuits that have something to say', () => {
    const { board, time } = made();
    board.complete(admitted(board, scope({ accountId: 'sound' })), 'success');
    fail(board, scope({ accountId: 'once' }));
    open(board, scope({ accountId: 'open' }));
    expect(board.snapshot()).toEqual([
      { ...scope({ accountId: 'once' }), status: 'closed', failures: 1, openedMs: null, probeAtMs: null },
      { ...scope({ accountId: 'open' }), status: 'open', failures: 0, openedMs: 0, probeAtMs: minute },
    ]);
    time.ms = rules.windowMs;
    expect(board.snapshot().map(({ accountId }) => accountId)).toEqual(['open']);
    admitted(board, scope({ accountId: 'open' }));
    expect(board.snapshot()).toMatchObject([{ status: 'half_open', openedMs: null, probeAtMs: null }]);
  });

  it('keeps no more of a circuit than what names it', () => {
    const { board } = made();
    const secret = { ...scope(), prompt: 'never keep this' };
    for (let n = 0; n < 3; n += 1) fail(board, secret);
    expect(JSON.stringify(board.snapshot())).not.toContain('never keep this');
  });
});

function made(options: { maxCircuits?: number } = {}) {
  const time = { ms: 0 };
  return { time, board: createCircuitBoard({ clock: { monotonicMs: () => time.ms }, ...options }) };
}

function scope(overrides: Partial<CircuitScope> = {}): CircuitScope {
  return { poolId: 'p', accountId: 'a', model: 'gpt-5.5', routeClass: 'proxy_stream', ...overrides };
}

function admitted(board: CircuitBoard, where: CircuitScope): CircuitToken {
  const admission = board.begin(where);
  if (admission.kind === 'refused') throw new Error(`refused: ${admission.reason}`);
  return admission.token;
}

function fail(board: CircuitBoard, where: CircuitScope): void {
  board.complete(admitted(board, where), 'failure');
}

function open(board: CircuitBoard, where: CircuitScope): void {
  for (let failures = 0; failures < rules.failureThreshold; failures += 1) fail(board, where);
}
