/**
 * A line of waiters with owners: first come, first served among those of one owner, and owners take turns, so that
 * somebody with five hundred waiting does not keep out somebody with one.
 */

export interface FairLine<Waiter> {
  readonly size: number;
  join(owner: string, waiter: Waiter): void;
  /** Takes a waiter out of its place. False when it is not waiting. */
  leave(owner: string, waiter: Waiter): boolean;
  /** Takes out the next who fits: the first of the owner whose turn it is, or of the next owner that has one. */
  next(isFit: (waiter: Waiter) => boolean): Waiter | undefined;
  /**
   * Who gives way when the line is full and one more of this owner comes: the newest of whoever has most waiting, as
   * long as that is more than this owner would have. Undefined: the newcomer itself must go.
   */
  giveWay(newcomer: string): Waiter | undefined;
}

export function createFairLine<Waiter>(): FairLine<Waiter> {
  /** In the order of turns. No owner without waiters is kept. */
  const waitingOf = new Map<string, Waiter[]>();
  let size = 0;

  function take(owner: string, index: number): Waiter | undefined {
    const waiting = waitingOf.get(owner);
    const [taken] = waiting?.splice(index, 1) ?? [];
    if (taken !== undefined) size -= 1;
    if (waiting?.length === 0) waitingOf.delete(owner);
    return taken;
  }

  /** The owner had its turn: the others come first now. */
  function moveLast(owner: string): void {
    const waiting = waitingOf.get(owner);
    if (!waiting) return;
    waitingOf.delete(owner);
    waitingOf.set(owner, waiting);
  }

  return {
    get size() {
      return size;
    },
    join(owner, waiter) {
      const waiting = waitingOf.get(owner);
      if (waiting) waiting.push(waiter);
      else waitingOf.set(owner, [waiter]);
      size += 1;
    },
    leave(owner, waiter) {
      const index = waitingOf.get(owner)?.indexOf(waiter) ?? -1;
      return index >= 0 && take(owner, index) !== undefined;
    },
    next(isFit) {
      for (const [owner, waiting] of waitingOf) {
        const index = waiting.findIndex(isFit);
        if (index < 0) continue;
        const taken = take(owner, index);
        moveLast(owner);
        return taken;
      }
      return undefined;
    },
    giveWay(newcomer) {
      const own = waitingOf.get(newcomer)?.length ?? 0;
      let longest: readonly [string, readonly Waiter[]] | undefined;
      for (const each of waitingOf) if (each[1].length > (longest?.[1].length ?? own + 1)) longest = each;
      return longest && take(longest[0], longest[1].length - 1);
    },
  };
}
