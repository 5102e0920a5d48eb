/** What changed on the account board since it was last stored: which windows of whom, and whose credits. */
export interface Unsaved {
  addWindow(accountId: string, window: string): void;
  addCredits(accountId: string): void;
  /** Gives each once. */
  takeWindows(): (readonly [accountId: string, window: string])[];
  takeCredits(): string[];
  forget(accountId: string): void;
}

export function createUnsaved(): Unsaved {
  const windows = new Map<string, Set<string>>();
  const credits = new Set<string>();
  return {
    addWindow(accountId, window) {
      const ofAccount = windows.get(accountId) ?? new Set();
      windows.set(accountId, ofAccount.add(window));
    },
    addCredits: (accountId) => void credits.add(accountId),
    takeWindows() {
      const taken = [...windows].flatMap(([accountId, keys]) => [...keys].map((key) => [accountId, key] as const));
      windows.clear();
      return taken;
    },
    takeCredits() {
      const taken = [...credits];
      credits.clear();
      return taken;
    },
    forget(accountId) {
      windows.delete(accountId);
      credits.delete(accountId);
    },
  };
}
