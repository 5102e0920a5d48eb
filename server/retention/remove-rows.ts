/** Removes what is past its time, class by class and batch by batch. */
import type { Kysely } from 'kysely';
import type { Settings } from '../contract/settings.ts';
import type { RetentionClass } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { removedBefore, retentionRows } from './classes.ts';
import { batchSize, removeBatch } from './retention-store.ts';

export interface RetentionParts {
  readonly db: Kysely<DB>;
  readonly clock: Pick<Clock, 'now'>;
  readonly settings: () => Settings;
}

/** Which classes: those bounded by settings (`age`) or those whose rows have their own end (`expiry`). */
export type RetentionPart = 'age' | 'expiry';

/** @returns how many rows of each class went, classes without any left out */
export async function removeRows(
  { db, clock, settings }: RetentionParts,
  { part, signal }: { part: RetentionPart; signal: AbortSignal },
): Promise<Partial<Record<RetentionClass, number>>> {
  const removed: Partial<Record<RetentionClass, number>> = {};
  const moment = { settings: settings(), now: clock.now() };
  for (const name of classNames().filter((each) => partOf(each) === part)) {
    const row = retentionRows[name];
    const before = removedBefore(row, moment);
    if (before === null) continue;
    for (let went = batchSize; went === batchSize && !signal.aborted;) {
      went = await removeBatch(db, row, before);
      if (went > 0) removed[name] = (removed[name] ?? 0) + went;
    }
  }
  return removed;
}

export function classNames(): RetentionClass[] {
  return Object.keys(retentionRows) as RetentionClass[];
}

function partOf(name: RetentionClass): RetentionPart {
  return retentionRows[name].setting === null ? 'expiry' : 'age';
}
