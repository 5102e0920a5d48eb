/**
 * Spends a saved reset. What the provider accepted is spent, whatever is read of the limits afterwards, and no number
 * of a limit is ever made up: the account is free when a reading says so (gateway spec 5.8).
 */
import type { Kysely } from 'kysely';
import { GatewayError } from '../../contract/gateway-error.ts';
import { spentOutcomes, type ResetCause, type ResetOutcome } from '../../contract/vocabulary.ts';
import type { DB } from '../../database/tables.generated.ts';
import { AnswerTooLarge } from '../../world/read-whole.ts';
import { NetworkFault, type Clock, type Log, type Random } from '../../world/world.ts';
import type { AccountBoard } from '../account-board.ts';
import { selectAccountFacts } from '../account-store.ts';
import type { AskAccount, Found, ReadingAsk } from '../ask-account.ts';
import { isUsable } from './may-redeem.ts';
import type { ResetBank } from './reset-bank.ts';
import {
  claimRedemption,
  countDispatch,
  finishRedemption,
  selectRedemption,
  type StoredCredit,
  type StoredRedemption,
} from './reset-store.ts';

export interface RedeemAsk {
  readonly accountId: string;
  /** The same id again tells how that try ended. Made up when absent. */
  readonly attemptId?: string | undefined;
  readonly cause: ResetCause;
}

export interface RedeemParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'id'>;
  readonly log: Log;
  readonly ask: AskAccount;
  readonly bank: ResetBank;
  readonly board: Pick<AccountBoard, 'expectFall'>;
  readonly consume: (ask: ReadingAsk & { attemptId: string; creditId: string }) => Promise<Found<ResetOutcome>>;
  /** Reads the account's limits anew. */
  readonly readLimits: (accountId: string) => Promise<unknown>;
}

/** Dispatches of one call; further ones are for whoever asks again. */
const dispatchesPerCall = 2;

/** @throws GatewayError `no_saved_reset`, `reset_in_progress` or `resets_not_read`; then nothing was sent. */
export type RedeemReset = (ask: RedeemAsk) => Promise<StoredRedemption>;

/** @example const redeem = createRedeemReset(parts); await redeem({ accountId, cause: 'operator' }); */
export function createRedeemReset(parts: RedeemParts): RedeemReset {
  const { db, clock, random, log, bank, board, readLimits } = parts;
  return async ({ accountId, attemptId, cause }) => {
    const askedAt = clock.now();
    const known = attemptId === undefined ? undefined : await selectRedemption(db, attemptId);
    if (known && known.accountId !== accountId) throw new GatewayError('conflict', { param: 'attemptId' });
    if (known?.outcome) return known;
    const [account] = await selectAccountFacts(db, accountId);
    if (!account) throw new GatewayError('account_not_found');
    const credits = await bank.read(account);
    const first = credits.find((credit) => isUsable(credit, clock.now()));
    const open = (await bank.redemptions(accountId)).some(({ outcome }) => outcome === null);
    if (!first && !open) throw new GatewayError('no_saved_reset');
    const ask = { id: attemptId ?? random.id(), accountId, creditId: first?.id ?? '', cause, askedAt };
    const claimed = await claimRedemption(db, { ...ask, now: clock.now() });
    if (!claimed) throw new GatewayError('reset_in_progress');
    const outcome = claimed.creditId === '' ? 'no_credit' : await spend(account, { parts, claimed, credits });
    await finishRedemption(db, { id: claimed.id, outcome, now: clock.now() });
    log.info('saved_reset_redeemed', { accountId, outcome, mode: claimed.cause });
    if (outcome !== null && spentOutcomes.has(outcome)) board.expectFall(accountId, clock.now());
    await bank.read(account).catch(() => undefined);
    await readLimits(accountId);
    return (await selectRedemption(db, claimed.id)) ?? { ...claimed, outcome };
  };
}

/** How it ended, or null while nobody knows: the list says more than sending again does (wire spec B10). */
async function spend(
  account: ReadingAsk['account'],
  { parts, claimed, credits }: { parts: RedeemParts; claimed: StoredRedemption; credits: readonly StoredCredit[] },
): Promise<ResetOutcome | null> {
  const { db, ask, bank, consume } = parts;
  const { id, creditId } = claimed;
  // Sent before: what became of it stands in the list.
  if (claimed.dispatches > 0 && isGone(credits, creditId)) return 'reset';
  for (let sent = 0; sent < dispatchesPerCall; sent += 1) {
    const answer = await ask(account, async (about) =>
      (await countDispatch(db, id)) ? consume({ ...about, attemptId: id, creditId }) : { status: 0, found: null },
    ).catch(unanswered);
    if (answer?.found) return answer.found;
    if (answer?.status === 0) return null;
    if (answer && isRefusal(answer.status)) return 'refused';
    const now = await bank.read(account).catch(() => null);
    if (now !== null && isGone(now, creditId)) return 'reset';
  }
  return null;
}

/** It is no longer there to be spent. One that is being redeemed is neither here nor gone. */
function isGone(credits: readonly StoredCredit[], creditId: string): boolean {
  const status = credits.find(({ id }) => id === creditId)?.status ?? 'redeemed';
  return status === 'redeemed';
}

/** The provider said no; other statuses say nothing about what it did. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function unanswered(error: unknown): null {
  if (error instanceof NetworkFault || error instanceof AnswerTooLarge) return null;
  throw error;
}
