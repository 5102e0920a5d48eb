/** When each account last answered a request to its end, in memory, for the strategy that asks. */

export interface LastSuccesses {
  /** Takes what is known from before this process started; what was noted since stays. */
  restore(stored: ReadonlyMap<string, Date>): void;
  /** Never goes back in time. */
  note(accountId: string, at: Date): void;
  lastSuccessAt(accountId: string): Date | null;
  /** Drops what is known of a removed account. */
  forget(accountId: string): void;
}

/** @example const successes = createLastSuccesses(); successes.note(attempt.accountId, clock.now()); */
export function createLastSuccesses(): LastSuccesses {
  const byAccount = new Map<string, Date>();
  const note = (accountId: string, at: Date): void => {
    const known = byAccount.get(accountId);
    if (known === undefined || known < at) byAccount.set(accountId, at);
  };
  return {
    restore(stored) {
      for (const [accountId, at] of stored) note(accountId, at);
    },
    note,
    lastSuccessAt: (accountId) => byAccount.get(accountId) ?? null,
    forget: (accountId) => void byAccount.delete(accountId),
  };
}
