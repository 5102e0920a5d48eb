import { describe, expect, it } from 'vitest';
import { createAccountBoard } from './account-board.ts';
import type { QuotaReading } from './quota.ts';

const start = new Date('2026-11-22T06:00:00Z');
const at = (minutes: number): Date => new Date(start.getTime() + minutes * 60_000);
const used = (over: Partial<QuotaReading> = {}): QuotaReading => ({
  meter: 'codex',
  windowMinutes: 300,
  usedPercent: 100,
  resetAt: at(60),
  observedAt: at(0),
  source: 'response_headers',
  ...over,
});
const ask = (minutes: number, model: string | null = 'gpt-5.5') => ({ model, now: at(minutes) });

describe('whether an account may take a call now', () => {
  it('knows nothing against an account nobody read', () => {
    expect(createAccountBoard().unavailability('a', ask(0))).toBeNull();
  });

  it('is out until the last of its used up windows resets, then back by itself', () => {
    const board = createAccountBoard();
    board.record('a', [used(), used({ windowMinutes: 10_080, resetAt: at(90) })]);
    expect(board.unavailability('a', ask(1))).toEqual({ code: 'usage_limit_reached', until: at(90) });
    expect(board.unavailability('a', ask(90))).toBeNull();
    expect(board.unavailability('b', ask(1))).toBeNull();
  });

  it('ignores a used up meter of another model', () => {
    const board = createAccountBoard();
    board.record('a', [used({ meter: 'codex_spark' })]);
    expect(board.unavailability('a', ask(1))).toBeNull();
  });

  it('learns which model a meter limits from the refusal that names it', () => {
    const board = createAccountBoard();
    board.record('a', [used({ meter: 'codex_spark', source: 'error_body' })], { model: 'spark' });
    expect(board.unavailability('a', ask(1, 'spark'))?.code).toBe('usage_limit_reached');
    expect(board.unavailability('a', ask(1, 'gpt-5.5'))).toBeNull();
  });

  it('cools down after a speed limit, and a shorter wait does not shorten a longer one', () => {
    const board = createAccountBoard();
    board.coolDown('a', at(5));
    board.coolDown('a', at(2));
    expect(board.unavailability('a', ask(3))).toEqual({ code: 'cooling_down', until: at(5) });
    expect(board.unavailability('a', ask(5))).toBeNull();
  });

  it('leaves every account alone while the edge refuses us', () => {
    const board = createAccountBoard();
    board.backOffEdge(at(1));
    expect(board.unavailability('anyone', ask(0))).toEqual({ code: 'edge_back_off', until: at(1) });
    expect(board.unavailability('anyone', ask(1))).toBeNull();
  });
});

describe('counting calls', () => {
  it('counts each call out once, however often it is asked to', () => {
    const board = createAccountBoard();
    const leave = board.enter('a');
    board.enter('a');
    leave();
    leave();
    expect(board.inFlight('a')).toBe(1);
  });
});

describe('what must be stored', () => {
  it('gives changed readings once', () => {
    const board = createAccountBoard();
    board.record('a', [used()]);
    expect(board.takeDirtyReadings()).toEqual([{ accountId: 'a', reading: used() }]);
    expect(board.takeDirtyReadings()).toEqual([]);
  });

  it('gives nothing for readings that changed nothing', () => {
    const board = createAccountBoard();
    board.restore([{ accountId: 'a', reading: used({ observedAt: at(10) }) }], at(20));
    board.record('a', [used({ usedPercent: 0, observedAt: at(9) })]);
    expect(board.takeDirtyReadings()).toEqual([]);
  });

  it('counts a stored reading from the future as read now, so that new ones can replace it', () => {
    const board = createAccountBoard();
    board.restore([{ accountId: 'a', reading: used({ observedAt: at(10_000), usedPercent: 10 }) }], at(0));
    board.record('a', [used({ observedAt: at(1) })]);
    expect(board.unavailability('a', ask(2))?.code).toBe('usage_limit_reached');
  });

  it('forgets a removed account', () => {
    const board = createAccountBoard();
    board.record('a', [used()]);
    board.forget('a');
    expect(board.takeDirtyReadings()).toEqual([]);
    expect(board.snapshot().accounts).toEqual([]);
  });
});
