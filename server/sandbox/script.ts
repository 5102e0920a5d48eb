/** What is planned for the next requests: one queue per stage, and a standing answer per stage behind it. */
import type { BoundBehaviour, Stage, When } from './behaviours/define.ts';

/** The facts an entry of the script can be narrowed to. */
export interface Occasion {
  readonly model?: string | undefined;
  readonly path?: string | undefined;
  readonly transport?: 'http' | 'websocket' | undefined;
  readonly threadId?: string | undefined;
}

export interface Script {
  add(behaviour: BoundBehaviour): void;
  /** Replaces the default of the behaviour's stage. */
  setStanding(behaviour: BoundBehaviour): void;
  /** Takes the next entry that fits, or the standing one, or nothing. Counts the occasion. */
  take(stage: Stage, occasion: Occasion): BoundBehaviour | undefined;
  /** Entries that still wait. */
  pending(): number;
  clear(): void;
}

export function createScript(): Script {
  let queue: { readonly entry: BoundBehaviour; left: number }[] = [];
  let standing: BoundBehaviour[] = [];
  const counts = new Map<Stage, number>();

  return {
    add: (entry) => void queue.push({ entry, left: entry.times }),
    setStanding: (behaviour) => void standing.unshift(behaviour),
    take(stage, occasion) {
      const nth = (counts.get(stage) ?? 0) + 1;
      counts.set(stage, nth);
      const fits = (entry: BoundBehaviour) => entry.stage === stage && matches(entry.when, { ...occasion, nth });
      const next = queue.find(({ entry }) => fits(entry));
      if (!next) return standing.find(fits);
      next.left -= 1;
      if (next.left <= 0) queue.splice(queue.indexOf(next), 1);
      return next.entry;
    },
    pending: () => queue.length,
    clear() {
      queue = [];
      standing = [];
    },
  };
}

function matches(when: When | undefined, occasion: Occasion & { readonly nth: number }): boolean {
  if (!when) return true;
  const { threadStart, ...same } = when;
  if (threadStart !== undefined && !occasion.threadId?.startsWith(threadStart)) return false;
  return Object.entries(same).every(
    ([key, value]) => value === undefined || occasion[key as keyof typeof same] === value,
  );
}
