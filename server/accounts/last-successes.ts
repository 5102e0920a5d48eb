/** When each account last answered a request to its end, in memory, for the strategy that asks. */
import type { HeldAccount } from './held-account.ts';

export interface LastSuccesses {
  /** Takes what is known from before this process started; what was noted since stays. */
  restore(stored: ReadonlyMap<string, Date>): void;
  /** Never goes back in time. */
  note(accountId: string, at: Date): void;
  /** The account counts as never used: it was removed, or signed in anew. */
  forget(accountId: string): void;
}

/** @example const successes = createLastSuccesses(board.held); successes.note(attempt.accountId, clock.now()); */
export function createLastSuccesses(heldOf: (accountId: string) => HeldAccount): LastSuccesses {
  const note = (accountId: string, at: Date): void => {
    const held = heldOf(accountId);
    held.lastSuccessMs = Math.max(held.lastSuccessMs, at.getTime());
  };
  return {
    restore(stored) {
      for (const [accountId, at] of stored) note(accountId, at);
    },
    note,
    forget(accountId) {
      heldOf(accountId).lastSuccessMs = 0;
    },
  };
}
