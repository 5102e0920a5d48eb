/**
 * Keeps what is known of limits fresh: asks about an account every minute while it is used and every five while it is
 * not, and less and less often while asking fails. When an account is due is decided from facts alone.
 */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';
import type { AccountReader } from './account-reader.ts';
import { selectProbeFacts, type ProbeFacts } from './probe-store.ts';

const minute = 60_000;
const busyMs = minute;
const idleMs = 5 * minute;
/** An account counts as used for so long after its last answer. */
const trafficMs = 5 * minute;
const longestMs = 30 * minute;
/** So that one account that does not answer holds nobody up, and the provider sees no burst. */
const atOnce = 4;

/** Should this account be asked about its limits now? */
export function isProbeDue({ askedAt, failures, trafficAt }: Omit<ProbeFacts, 'accountId'>, now: Date): boolean {
  if (askedAt === null) return true;
  const isBusy = trafficAt !== null && now.getTime() - trafficAt.getTime() < trafficMs;
  const usualMs = isBusy ? busyMs : idleMs;
  const failedMs = failures === 0 ? 0 : Math.min(minute * 2 ** Math.min(failures - 1, 10), longestMs);
  const sinceMs = now.getTime() - askedAt.getTime();
  // Asked in the future: the clock was set back since.
  return sinceMs >= Math.max(usualMs, failedMs) || sinceMs < 0;
}

export interface ProbeParts {
  readonly db: Kysely<DB>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly reader: Pick<AccountReader, 'readLimits'>;
}

/** Asks about every account that is due, a few at a time. @returns how many answered */
export async function probeDueLimits({ db, clock, log, reader }: ProbeParts, signal: AbortSignal): Promise<number> {
  const now = clock.now();
  const due = (await selectProbeFacts(db)).filter((facts) => isProbeDue(facts, now));
  let answered = 0;
  async function lane(): Promise<void> {
    for (let next = due.shift(); next && !signal.aborted; next = due.shift()) {
      const { accountId } = next;
      // One that was removed meanwhile must not keep the others from being asked.
      const reading = await reader.readLimits(accountId).catch((error: unknown) => {
        log.warn('limits_not_read', { accountId, ...errorFacts(error) });
        return null;
      });
      if (reading?.ok) answered += 1;
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane));
  return answered;
}
