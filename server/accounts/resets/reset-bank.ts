/** The saved resets of accounts as the provider lists them, kept so that they can be shown with their expiry. */
import type { Kysely } from 'kysely';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { DB } from '../../database/tables.generated.ts';
import { NetworkFault, type Clock, type Log } from '../../world/world.ts';
import type { AskAccount, Found, ReadingAsk } from '../ask-account.ts';
import {
  saveCreditList,
  selectCredits,
  selectPolicy,
  selectRedemptions,
  type StoredCredit,
  type StoredRedemption,
} from './reset-store.ts';

export type { StoredCredit };

export interface ResetBank {
  /** Asks for the list and keeps it. @throws GatewayError `resets_not_read` */
  read(account: ReadingAsk['account']): Promise<readonly StoredCredit[]>;
  /** The usage document said how many there are: the list is read when it is old or says something else. */
  noticed(account: ReadingAsk['account'], count: number): Promise<void>;
  /** What is kept of the list. */
  credits(accountId: string): Promise<readonly StoredCredit[]>;
  redemptions(accountId: string): Promise<readonly StoredRedemption[]>;
}

/** How old a list may grow, and how old when one of its resets expires within a day (gateway spec 5.8). */
const oldAfterMs = 6 * 3_600_000;
const oldBeforeExpiryMs = 30 * 60_000;
const expirySoonMs = 24 * 3_600_000;

/** @example const bank = createResetBank({ db, clock, log, ask, list: resetCredits.list }); */
export function createResetBank({
  db,
  clock,
  log,
  ask,
  list,
}: {
  db: Kysely<DB>;
  clock: Pick<Clock, 'now'>;
  log: Log;
  ask: AskAccount;
  list: (ask: ReadingAsk) => Promise<Found<readonly StoredCredit[]>>;
}): ResetBank {
  async function read(account: ReadingAsk['account']): Promise<readonly StoredCredit[]> {
    const askedAt = clock.now();
    const answer = await ask(account, (about) => list(about)).catch((error: unknown) => {
      if (error instanceof NetworkFault) return null;
      throw error;
    });
    if (!answer?.found) throw new GatewayError('resets_not_read');
    await saveCreditList(db, { accountId: account.id, credits: answer.found, askedAt, now: clock.now() });
    return answer.found;
  }

  return {
    read,
    async noticed(account, count) {
      const now = clock.now();
      const [credits, { readAt }] = await Promise.all([selectCredits(db, account.id), selectPolicy(db, account.id)]);
      const available = credits.filter(({ status }) => status === 'available');
      const isSoon = available.some(({ expiresAt }) => expiresAt && expiresAt.getTime() - now.getTime() < expirySoonMs);
      // One that is ahead was taken by a clock that has been set back since.
      const ageMs = readAt === null ? Number.POSITIVE_INFINITY : Math.abs(now.getTime() - readAt.getTime());
      const isOld = count > 0 && ageMs > (isSoon ? oldBeforeExpiryMs : oldAfterMs);
      if (count === available.length && !isOld) return;
      await read(account).catch(() => log.info('saved_resets_not_read', { accountId: account.id }));
    },
    credits: (accountId) => selectCredits(db, accountId),
    redemptions: (accountId) => selectRedemptions(db, accountId),
  };
}
