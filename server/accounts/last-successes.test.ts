import { describe, expect, it } from 'vitest';
import { createAccountBoard } from './account-board.ts';
import { createLastSuccesses } from './last-successes.ts';

const earlier = new Date('2026-11-23T11:00:00Z');
const later = new Date('2026-11-23T12:00:00Z');

describe('the last successes', () => {
  it('know nothing of an account that never served, or that was removed', () => {
    const { successes, lastSuccess } = made();
    expect(lastSuccess('a')).toBe(0);
    successes.note('a', later);
    successes.forget('a');
    expect(lastSuccess('a')).toBe(0);
  });

  it('are never put back by what was stored', () => {
    const { successes, lastSuccess } = made();
    successes.note('a', later);
    const stored = new Map([
      ['a', earlier],
      ['b', earlier],
    ]);
    successes.restore(stored, later);
    expect([lastSuccess('a'), lastSuccess('b')]).toEqual([later.getTime(), earlier.getTime()]);
    successes.note('b', later);
    expect(lastSuccess('b')).toBe(later.getTime());
  });

  it('follow a clock that was set back, or the account that served under the wrong one would never be its turn', () => {
    const { successes, lastSuccess } = made();
    successes.restore(new Map([['a', later]]), earlier);
    expect(lastSuccess('a')).toBe(earlier.getTime());
    successes.note('b', later);
    successes.note('b', earlier);
    expect(lastSuccess('b')).toBe(earlier.getTime());
  });
});

function made() {
  const board = createAccountBoard();
  return {
    successes: createLastSuccesses(board.held),
    lastSuccess: (accountId: string) => board.held(accountId).lastSuccessMs,
  };
}
