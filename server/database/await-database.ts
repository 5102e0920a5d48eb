/** Waits at start until the database answers, and says in plain words why it does not. */
import type { Pool } from 'pg';
import { StartProblem } from '../data-folder/start-problem.ts';
import type { Clock } from '../world/world.ts';
import { sqlStateOf } from './connect.ts';

const askAgainMs = 500;
/** Compose starts a database and its users together; a cold one needs seconds. */
const defaultLimitMs = 30_000;

/** Answers that waiting does not change. */
const finalReasons: Readonly<Record<string, string>> = {
  '28P01': 'it refuses this user or password',
  '28000': 'it refuses this user, or asks for an encrypted connection (add ?sslmode=require)',
  '3D000': 'it has no database of that name',
  '42501': 'this user may not connect to that database',
};

/** Causes that may pass; an unknown one is shown by its code. */
const passingReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no network',
  '57P03': 'it is still starting',
  '53300': 'it has no connection left',
};

/**
 * Resolves when a query was answered.
 *
 * @param options.url Where the pool connects; only host and port of it are ever shown.
 * @throws StartProblem `database_refused` at once for wrong credentials or names, `database_unreachable` after the limit.
 */
export async function awaitDatabase(options: {
  pool: Pool;
  url: string;
  clock: Clock;
  limitMs?: number;
}): Promise<void> {
  const { pool, url, clock, limitMs = defaultLimitMs } = options;
  const deadline = clock.monotonicMs() + limitMs;
  for (;;) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      const code = sqlStateOf(error) ?? 'no answer in time';
      const place = placeOf(url);
      const final = finalReasons[code];
      if (final)
        throw refused(
          `The database at ${place} cannot be used: ${final}. Correct DATABASE_URL and start again.`,
          error,
        );
      if (clock.monotonicMs() + askAgainMs > deadline) {
        const reason = passingReasons[code] ?? code;
        throw new StartProblem('database_unreachable', {
          sentence: `The database at ${place} cannot be reached: ${reason}. Start it, or correct DATABASE_URL.`,
          cause: error,
        });
      }
      await clock.sleep(askAgainMs);
    }
  }
}

function refused(sentence: string, cause: unknown): StartProblem {
  return new StartProblem('database_refused', { sentence, cause });
}

/** Host and port, nothing else of the URL. */
function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed && parsed.hostname !== '' ? `${parsed.hostname}:${parsed.port || '5432'}` : 'the address given';
}
