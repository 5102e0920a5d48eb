/**
 * Spends a saved reset by itself when a request finds every account out by its weekly limit alone and a policy allows
 * it. Limits and list are read anew first, so nothing is spent on an old reading (gateway spec 5.8).
 */
import type { Kysely } from 'kysely';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { DB } from '../../database/tables.generated.ts';
import type { Clock, Log } from '../../world/world.ts';
import type { AccountBoard } from '../account-board.ts';
import { isWeeklyAlone, mayRedeem } from './may-redeem.ts';
import type { RedeemReset } from './redeem-reset.ts';
import type { ResetBank } from './reset-bank.ts';
import { selectAutomatic, selectPolicy, type StoredRedemption } from './reset-store.ts';

export interface RescueAsk {
  /** Every account that could serve the request if its limit were not used up. */
  readonly accountIds: readonly string[];
  readonly model: string;
}

export interface ResetRescue {
  /** The account that serves again, or null. Requests that come meanwhile wait for the same try. */
  rescue(ask: RescueAsk): Promise<string | null>;
  /** Reads again whose policy allows it. */
  reload(): Promise<void>;
}

export interface RescueParts {
  readonly db: Kysely<DB>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly log: Log;
  readonly bank: ResetBank;
  readonly board: Pick<AccountBoard, 'blocking'>;
  readonly redeem: RedeemReset;
  readonly readLimits: (accountId: string) => Promise<{ readonly ok: boolean }>;
  /** Leaves the trace that a change by hand would leave. */
  readonly audit: (accountId: string, redemption: StoredRedemption) => Promise<void>;
}

/** An account that was just found to allow nothing is not looked at again for every request. */
const lookAgainMs = 60_000;

/** @example const rescue = createResetRescue(parts); await rescue.reload(); */
export function createResetRescue(parts: RescueParts): ResetRescue {
  const { db, clock, log, board } = parts;
  let automatic: ReadonlySet<string> = new Set();
  const flights = new Map<string, Promise<boolean>>();
  const lookedMs = new Map<string, number>();

  async function look(accountId: string, model: string): Promise<boolean> {
    lookedMs.set(accountId, clock.monotonicMs());
    try {
      return await spendIfAllowed({ accountId, model }, parts);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      log.info('saved_reset_not_spent', { accountId, reason: error.code });
      return false;
    }
  }

  function isDue(accountId: string): boolean {
    if (flights.has(accountId)) return true;
    return clock.monotonicMs() - (lookedMs.get(accountId) ?? Number.NEGATIVE_INFINITY) >= lookAgainMs;
  }

  return {
    async rescue({ accountIds, model }) {
      if (!accountIds.some((id) => automatic.has(id))) return null;
      const now = clock.now();
      if (!accountIds.every((id) => isWeeklyAlone(board.blocking(id, { model, now })))) return null;
      for (const accountId of accountIds) {
        if (!automatic.has(accountId) || !isDue(accountId)) continue;
        const flight = flights.get(accountId) ?? look(accountId, model).finally(() => flights.delete(accountId));
        flights.set(accountId, flight);
        if (await flight) return accountId;
      }
      return null;
    },

    async reload() {
      automatic = new Set(await selectAutomatic(db));
      for (const accountId of lookedMs.keys()) if (!automatic.has(accountId)) lookedMs.delete(accountId);
    },
  };
}

/** Once by what is known, so that most looks ask nobody, and once more by what was just read. */
async function spendIfAllowed(
  { accountId, model }: { accountId: string; model: string },
  { db, clock, log, bank, board, redeem, readLimits, audit }: RescueParts,
): Promise<boolean> {
  const blocking = () => board.blocking(accountId, { model, now: clock.now() });
  const decide = async () => {
    const [{ policy }, credits, [latest = null]] = await Promise.all([
      selectPolicy(db, accountId),
      bank.credits(accountId),
      bank.redemptions(accountId),
    ]);
    return mayRedeem({ policy, credits, latest, blocking: blocking(), now: clock.now() });
  };
  let decision = await decide();
  if (decision.may) {
    const limits = await readLimits(accountId);
    // The reading itself may free the account, and then nothing has to be spent.
    if (limits.ok && blocking().length === 0) return true;
    if (!limits.ok) return false;
    decision = await decide();
  }
  if (!decision.may) {
    log.info('saved_reset_not_spent', { accountId, reason: decision.why });
    return false;
  }
  const redemption = await redeem({ accountId, cause: 'automatic' });
  await audit(accountId, redemption);
  return blocking().length === 0;
}
