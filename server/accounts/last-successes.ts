/** When each account last answered a request to its end, in memory, for the strategy that asks. */
import type { HeldAccount } from './held-account.ts';

export interface LastSuccesses {
  /** Takes what is known from before this process started; what was noted since stays, and nothing is later than `now`. */
  restore(stored: ReadonlyMap<string, Date>, now: Date): void;
  /** It answered just now. Follows a clock that was set back. */
  note(accountId: string, now: Date): void;
  /** The account counts as never used: it was removed, or signed in anew. */
  forget(accountId: string): void;
}

/** @example const successes = createLastSuccesses(board.held); successes.note(attempt.accountId, clock.now()); */
export function createLastSuccesses(heldOf: (accountId: string) => HeldAccount): LastSuccesses {
  return {
    restore(stored, now) {
      for (const [accountId, at] of stored) {
        const held = heldOf(accountId);
        held.lastSuccessMs = Math.max(held.lastSuccessMs, Math.min(at.getTime(), now.getTime()));
      }
    },
    note: (accountId, now) => void (heldOf(accountId).lastSuccessMs = now.getTime()),
    forget(accountId) {
      heldOf(accountId).lastSuccessMs = 0;
    },
  };
}
