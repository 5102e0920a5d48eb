/**
 * Joins writes that arrive together into one: the first goes at once, those that come while it runs go together in the
 * next. Under light load this adds no wait, under heavy load it divides the number of commits.
 */

export interface GroupCommit<Item, Result> {
  /** Resolves when the group that carried the item is written. Rejects with what the write threw. */
  write(item: Item): Promise<Result>;
  /** Items waiting or being written. */
  readonly size: number;
  /** Resolves when nothing is waiting or being written. */
  idle(): Promise<void>;
}

export interface GroupCommitOptions<Item, Result> {
  /** Writes a group; results in the order of the items. */
  readonly writeGroup: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Whether a failed write may be the fault of one item; when not, the whole group fails at once. */
  readonly mayBlameItem: (error: unknown) => boolean;
  readonly maxGroup: number;
  /** Beyond this many waiting items `write` rejects at once with `GroupCommitFull`: memory stays bounded. */
  readonly maxWaiting: number;
  /**
   * Begins with each group; the next waits until it resolves, so that groups are fewer and larger where nobody waits for
   * them. Absent where somebody does.
   */
  readonly rest?: () => Promise<void>;
}

export class GroupCommitFull extends Error {
  constructor() {
    super('too many writes are waiting');
    this.name = 'GroupCommitFull';
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export function createGroupCommit<Item, Result>({
  writeGroup,
  mayBlameItem,
  maxGroup,
  maxWaiting,
  rest,
}: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  const waiting: Waiting<Item, Result>[] = [];
  const idleWaiters: (() => void)[] = [];
  let writing = 0;
  let isRunning = false;
  let resting: Promise<void> | null = null;

  function write(item: Item): Promise<Result> {
    if (waiting.length >= maxWaiting) return Promise.reject(new GroupCommitFull());
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isRunning) void run();
    });
  }

  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) {
      if (resting) await resting;
      const group = waiting.splice(0, maxGroup);
      writing = group.length;
      resting = rest?.() ?? null;
      await writeOrSplit(group);
      writing = 0;
    }
    isRunning = false;
    for (const done of idleWaiters.splice(0)) done();
  }

  /**
   * One bad item must not fail its neighbours: a group that it may have failed is tried again item by item. A database
   * that is away would only be asked in vain once for each.
   */
  async function writeOrSplit(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await writeGroup(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      if (group.length === 1 || !mayBlameItem(error)) for (const { reject } of group) reject(error);
      else for (const one of group) await writeOrSplit([one]);
    }
  }

  return {
    write,
    get size() {
      return waiting.length + writing;
    },
    idle: () => (!isRunning ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve))),
  };
}
