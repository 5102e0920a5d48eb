import { describe, expect, it } from 'vitest';
import { createAccountBoard, type AccountBoard, type LimitAsk } from './account-board.ts';
import { meterOf } from './meters.ts';
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
const unavailability = (board: AccountBoard, id: string, asked: LimitAsk) =>
  board.look(asked).unavailability(board.held(id));
const isOnCredits = (board: AccountBoard, id: string, asked: LimitAsk) => board.look(asked).isOnCredits(board.held(id));

describe('whether an account may take a call now', () => {
  it('knows nothing against an account nobody read', () => {
    expect(unavailability(createAccountBoard(), 'a', ask(0))).toBeNull();
  });

  it('is out until the last of its used up windows resets, then back by itself', () => {
    const board = createAccountBoard();
    board.record('a', [used(), used({ windowMinutes: 10_080, resetAt: at(90) })]);
    expect(unavailability(board, 'a', ask(1))).toEqual({ code: 'usage_limit_reached', until: at(90) });
    expect(unavailability(board, 'a', ask(90))).toBeNull();
    expect(unavailability(board, 'b', ask(1))).toBeNull();
  });

  it('ignores a used up meter of another model', () => {
    const board = createAccountBoard();
    board.record('a', [used({ meter: 'codex_spark' })]);
    expect(unavailability(board, 'a', ask(1))).toBeNull();
  });

  it.each(['codex_bengalfox', 'codex_other', 'GPT-5.3-Codex-Spark', 'gpt_5_3_codex_spark'])(
    'is out for the model that a used up meter is named after (%s), and for no other',
    (name) => {
      const board = createAccountBoard();
      board.record('a', [used({ meter: meterOf(name)! })]);
      expect(unavailability(board, 'a', ask(1, 'gpt-5.3-codex-spark'))?.code).toBe('usage_limit_reached');
      for (const model of ['gpt-5.5', 'gpt-5.3-codex', null])
        expect(unavailability(board, 'a', ask(1, model))).toBeNull();
    },
  );

  it('is not out for a window that the provider no longer names', () => {
    const board = createAccountBoard();
    board.record('a', [used({ resetAt: at(300) })]);
    board.record('a', [used({ windowMinutes: 10_080, usedPercent: 20, resetAt: at(900), observedAt: at(14) })]);
    expect(unavailability(board, 'a', ask(14))?.code).toBe('usage_limit_reached');
    board.record('a', [used({ windowMinutes: 10_080, usedPercent: 20, resetAt: at(900), observedAt: at(15) })]);
    expect(unavailability(board, 'a', ask(15))).toBeNull();
    expect(board.limits('a', 'gpt-5.5').map(({ windowMinutes }) => windowMinutes)).toEqual([10_080]);
    expect(board.readings('a')).toHaveLength(2);
  });

  it('takes new readings after the clock was set back', () => {
    const board = createAccountBoard();
    board.record('a', [used({ usedPercent: 1, observedAt: at(50), resetAt: at(200) })]);
    board.record('a', [used({ observedAt: at(10), resetAt: at(200) })]);
    expect(unavailability(board, 'a', ask(11))?.code).toBe('usage_limit_reached');
  });

  it('does not remember models that clients invent without end', () => {
    const board = createAccountBoard();
    for (let n = 0; n < 2_000; n += 1)
      board.record('a', [used({ meter: 'odd', source: 'error_body' })], { model: `model ${n}` });
    const isOut = (n: number) => unavailability(board, 'a', ask(1, `model ${n}`)) !== null;
    expect([isOut(0), isOut(999), isOut(1_999)]).toEqual([true, true, false]);
  });

  it('learns which model a meter limits from the refusal that names it', () => {
    const board = createAccountBoard();
    board.record('a', [used({ meter: 'codex_spark', source: 'error_body' })], { model: 'spark' });
    expect(unavailability(board, 'a', ask(1, 'spark'))?.code).toBe('usage_limit_reached');
    expect(unavailability(board, 'a', ask(1, 'gpt-5.5'))).toBeNull();
  });

  it('cools down after a speed limit, and a shorter wait does not shorten a longer one', () => {
    const board = createAccountBoard();
    board.coolDown('a', at(5));
    board.coolDown('a', at(2));
    expect(unavailability(board, 'a', ask(3))).toEqual({ code: 'cooling_down', until: at(5) });
    expect(unavailability(board, 'a', ask(5))).toBeNull();
  });

  it('leaves an account alone whose credential was refused, until it has a newer one', () => {
    const board = createAccountBoard();
    board.noteCredential('a', 3);
    board.refuseCredential('a', { epoch: 3, until: at(5) });
    board.noteCredential('a', 3);
    expect(unavailability(board, 'a', ask(3))).toEqual({ code: 'cooling_down', until: at(5) });
    board.noteCredential('a', 4);
    expect(unavailability(board, 'a', ask(3))).toBeNull();
    // An attempt that still used the old one has nothing to say of the new one.
    board.refuseCredential('a', { epoch: 3, until: at(5) });
    expect(unavailability(board, 'a', ask(3))).toBeNull();
    board.refuseCredential('a', { epoch: 4, until: at(2) });
    board.coolDown('a', at(5));
    board.noteCredential('a', 5);
    expect(unavailability(board, 'a', ask(3))).toEqual({ code: 'cooling_down', until: at(5) });
  });

  it('leaves every account alone while the edge refuses us', () => {
    const board = createAccountBoard();
    board.backOffEdge(at(1));
    expect(unavailability(board, 'anyone', ask(0))).toEqual({ code: 'edge_back_off', until: at(1) });
    expect(unavailability(board, 'anyone', ask(1))).toBeNull();
  });
});

describe('after the clock was set back', () => {
  const yearMs = 365 * 86_400_000;
  const wrong = new Date(start.getTime() + yearMs);

  it('no wait that was noted by the wrong time keeps an account out, or all of them', () => {
    const board = createAccountBoard();
    board.coolDown('a', wrong);
    board.refuseCredential('a', { epoch: 1, until: wrong });
    board.backOffEdge(wrong);
    expect(unavailability(board, 'a', ask(0))).toBeNull();
  });

  it('waits are noted by the right time again', () => {
    const board = createAccountBoard();
    board.coolDown('a', wrong);
    board.coolDown('a', at(2));
    expect(unavailability(board, 'a', ask(1))).toEqual({ code: 'cooling_down', until: at(2) });
    board.backOffEdge(wrong);
    board.backOffEdge(at(3));
    expect(unavailability(board, 'a', ask(1))).toEqual({ code: 'edge_back_off', until: at(3) });
  });

  it('a refused credential does not hide a wait of the account itself', () => {
    const board = createAccountBoard();
    board.refuseCredential('a', { epoch: 1, until: wrong });
    board.coolDown('a', at(2));
    expect(unavailability(board, 'a', ask(1))).toEqual({ code: 'cooling_down', until: at(2) });
  });
});

describe('an account with credits', () => {
  const credits = { hasCredits: true, unlimited: false, balance: '41.50', observedAt: at(0) };
  const week = used({ windowMinutes: 10_080, resetAt: at(5_000) });

  it('serves beyond its weekly limit, and says that it costs', () => {
    const board = createAccountBoard();
    board.noteCredits('a', credits);
    expect(isOnCredits(board, 'a', ask(0))).toBe(false);
    board.record('a', [week]);
    expect(unavailability(board, 'a', ask(1))).toBeNull();
    expect(isOnCredits(board, 'a', ask(1))).toBe(true);
  });

  it('does not serve beyond its 5-hour limit', () => {
    const board = createAccountBoard();
    board.noteCredits('a', credits);
    board.record('a', [week, used()]);
    expect(unavailability(board, 'a', ask(1))).toEqual({ code: 'usage_limit_reached', until: at(60) });
    expect(isOnCredits(board, 'a', ask(1))).toBe(false);
  });

  it('that refuses all the same is left alone until its reset, or until its balance changes', () => {
    const board = createAccountBoard();
    board.noteCredits('a', credits);
    board.record('a', [{ ...week, source: 'error_body' }]);
    board.record('a', [{ ...week, observedAt: at(9) }]);
    board.noteCredits('a', credits);
    expect(unavailability(board, 'a', ask(10))?.until).toEqual(at(5_000));
    board.noteCredits('a', { ...credits, balance: '50' });
    expect(unavailability(board, 'a', ask(11))).toBeNull();
  });

  it('has them after a restart, and gives changed ones to be stored once', () => {
    const board = createAccountBoard();
    board.restoreCredits([{ accountId: 'a', credits }], at(0));
    board.noteCredits('a', credits);
    expect(board.takeDirtyCredits()).toEqual([]);
    board.noteCredits('a', { ...credits, balance: '3' });
    const taken = board.takeDirtyCredits();
    expect(taken).toEqual([{ accountId: 'a', credits: { ...credits, balance: '3' } }]);
    expect(board.takeDirtyCredits()).toEqual([]);
    board.putBack({ readings: [], credits: taken });
    expect(board.takeDirtyCredits()).toEqual(taken);
  });

  describe('that another process reads', () => {
    const spent = { ...credits, hasCredits: false, balance: '0' };
    const restored = (held: typeof credits, stored: typeof credits, now: Date) => {
      const board = createAccountBoard();
      board.noteCredits('a', held);
      board.takeDirtyCredits();
      board.restoreCredits([{ accountId: 'a', credits: stored }], now);
      return {
        held: board.credits('a')?.balance,
        toStore: board.takeDirtyCredits().map((each) => each.credits.balance),
      };
    };

    it('are taken where they are newer, and not to be stored again', () => {
      const newer = { ...spent, observedAt: at(2) };
      expect(restored(credits, newer, at(3))).toEqual({ held: '0', toStore: [] });
    });

    it('give way to what was read here since, which is stored in their place', () => {
      const here = { ...credits, observedAt: at(2) };
      expect(restored(here, { ...spent, observedAt: at(1) }, at(3))).toEqual({ held: '41.50', toStore: ['41.50'] });
    });

    it('are not believed over what is known here when a clock was wrong', () => {
      const future = { ...spent, observedAt: at(500) };
      expect(restored(credits, future, at(3))).toMatchObject({ held: '41.50' });
    });

    it('lift no doubt by saying the same', () => {
      const board = createAccountBoard();
      board.noteCredits('a', credits);
      board.record('a', [{ ...week, source: 'error_body' }]);
      board.restoreCredits([{ accountId: 'a', credits: { ...credits, observedAt: at(1) } }], at(2));
      expect(unavailability(board, 'a', ask(3))?.until).toEqual(at(5_000));
    });
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
    expect(unavailability(board, 'a', ask(2))?.code).toBe('usage_limit_reached');
  });

  it('forgets a removed account', () => {
    const board = createAccountBoard();
    board.record('a', [used()]);
    board.forget('a');
    expect(board.takeDirtyReadings()).toEqual([]);
    expect(board.snapshot().accounts).toEqual([]);
  });
});
