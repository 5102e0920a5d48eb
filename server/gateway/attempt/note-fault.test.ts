/** How long a fault keeps accounts out, whatever the provider asks for. */
import { describe, expect, it } from 'vitest';
import { createAccountBoard } from '../../accounts/account-board.ts';
import type { Fault } from './faults.ts';
import { noteFault } from './note-fault.ts';

const now = new Date('2026-11-22T06:00:00Z');

function outAfter(fault: Pick<Fault, 'kind' | 'retryAfterMs'>, accountId = 'a'): number | null {
  const board = createAccountBoard();
  const whole: Fault = { upstreamStatus: 429, code: 'refused', answer: null, ...fault };
  noteFault(board, { accountId: 'a', model: 'gpt-5.5', fault: whole, now, credentialEpoch: 1 });
  const until = board.look({ model: 'gpt-5.5', now }).unavailability(board.held(accountId))?.until;
  return until ? until.getTime() - now.getTime() : null;
}

describe('a speed limit', () => {
  it.each([
    [null, 5_000],
    [2_000, 2_000],
    [3_600_000, 600_000],
  ])('with a wish for %s ms keeps its account out for %s ms', (retryAfterMs, expected) => {
    expect(outAfter({ kind: 'rate_limited', retryAfterMs })).toBe(expected);
  });

  it('keeps no other account out', () => {
    expect(outAfter({ kind: 'rate_limited', retryAfterMs: 2_000 }, 'b')).toBeNull();
  });
});

describe('a refusal at the network edge', () => {
  it.each([
    [null, 5_000],
    [20_000, 20_000],
    // Every account is out meanwhile, and a page of the edge knows nothing of us.
    [3_600_000, 60_000],
  ])('with a wish for %s ms keeps everybody out for %s ms', (retryAfterMs, expected) => {
    expect(outAfter({ kind: 'edge_blocked', retryAfterMs }, 'b')).toBe(expected);
  });
});

describe('a credential that is refused', () => {
  it.each(['token_rejected', 'token_unavailable', 'account_dead'] as const)(
    'keeps its account out for half a minute (%s)',
    (kind) => {
      expect(outAfter({ kind, retryAfterMs: null })).toBe(30_000);
    },
  );

  it('keeps it out no longer than until there is a newer one', () => {
    const board = createAccountBoard();
    const fault: Fault = { kind: 'token_rejected', upstreamStatus: 401, code: 'x', retryAfterMs: null, answer: null };
    noteFault(board, { accountId: 'a', model: 'gpt-5.5', fault, now, credentialEpoch: 2 });
    const reasonNow = () => board.look({ model: 'gpt-5.5', now }).unavailability(board.held('a'));
    board.noteCredential('a', 2);
    expect(reasonNow()).not.toBeNull();
    board.noteCredential('a', 3);
    expect(reasonNow()).toBeNull();
  });
});
