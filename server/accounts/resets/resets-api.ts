/** The admin endpoints of saved resets. */
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Handlers } from '../../contract/endpoint.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { ResetBank as BankSchema, resets } from '../../contract/resets.ts';
import { spentOutcomes } from '../../contract/vocabulary.ts';
import { announceChange } from '../../database/change-feed.ts';
import type { DB } from '../../database/tables.generated.ts';
import type { AccountBoard } from '../account-board.ts';
import { findAccountIds, selectAccountRows } from '../account-store.ts';
import { accountMeter, exhaustedPercent, lastingMinutes } from '../quota.ts';
import type { RedeemReset } from './redeem-reset.ts';
import type { ResetBank } from './reset-bank.ts';
import { savePolicy, selectPolicy, type StoredRedemption } from './reset-store.ts';

export interface ResetsApiParts {
  readonly db: Kysely<DB>;
  readonly bank: ResetBank;
  readonly board: Pick<AccountBoard, 'readings'>;
  readonly redeem: RedeemReset;
  /** Reads again which accounts may spend resets by themselves. */
  readonly reload: () => Promise<unknown>;
}

/** @example bind(resets, createResetsApi({ db, bank, board, redeem, reload })) */
export function createResetsApi({ db, bank, board, redeem, reload }: ResetsApiParts): Handlers<typeof resets> {
  async function resolve(name: string): Promise<string> {
    const [id, another] = await findAccountIds(db, name.trim());
    if (id === undefined) throw new GatewayError('account_not_found', { param: 'account' });
    if (another === undefined) return id;
    throw new GatewayError('conflict', { param: 'account', detail: 'Several accounts have this name; use the id.' });
  }

  async function show(accountId: string): Promise<z.input<typeof BankSchema>> {
    const [rows, { policy, readAt }, credits, redemptions] = await Promise.all([
      selectAccountRows(db, accountId),
      selectPolicy(db, accountId),
      bank.credits(accountId),
      bank.redemptions(accountId),
    ]);
    const [row] = rows;
    if (!row) throw new GatewayError('account_not_found', { param: 'account' });
    const account = { id: row.id, label: row.label };
    return {
      account,
      policy,
      readAt,
      credits: [...credits],
      redemptions: [...redemptions],
      effect: effectOf(accountId, redemptions),
    };
  }

  /** Only a reading taken since tells what a spent reset did. */
  function effectOf(accountId: string, redemptions: readonly StoredRedemption[]) {
    const spent = redemptions.find(({ outcome }) => outcome !== null && spentOutcomes.has(outcome));
    const since = spent?.finishedAt;
    if (!since) return null;
    const newer = board
      .readings(accountId)
      .filter(
        (each) => each.meter === accountMeter && each.windowMinutes >= lastingMinutes && each.observedAt >= since,
      );
    if (newer.length === 0) return 'pending';
    return newer.some(({ usedPercent }) => usedPercent >= exhaustedPercent) ? 'still_blocked' : 'confirmed';
  }

  return {
    async show({ account }) {
      return { bank: await show(await resolve(account)) };
    },

    async redeem({ account, attemptId }) {
      const accountId = await resolve(account);
      const redemption = await redeem({ accountId, attemptId, cause: 'operator' });
      return { redemption, bank: await show(accountId) };
    },

    async change({ account, changes }) {
      const accountId = await resolve(account);
      await db.transaction().execute(async (transaction) => {
        await savePolicy(transaction, { accountId, changes });
        await announceChange(transaction, 'accounts');
      });
      await reload();
      return { bank: await show(accountId) };
    },
  };
}
