/** What a fault teaches about its account, told to the board. Faults of the request or the edge teach nothing of it. */
import type { AccountBoard } from '../../accounts/account-board.ts';
import type { QuotaReading } from '../../accounts/quota.ts';
import type { Fault } from './faults.ts';

/** How long a "too fast" without a stated wait keeps an account out. */
export const defaultCoolDownMs = 5_000;
/** A wait this long is a limit, not a speed bump; the next answer will tell more. */
const longestCoolDownMs = 10 * 60_000;
/** A fresh token was refused, or none could be had, or the account is closed: a further try would only cost a call. */
const tokenCoolDownMs = 30_000;
/** The edge refuses the machine, not the account: a short pause for all (wire spec B15). */
const edgeBackOffMs = 5_000;
/** Nobody is served meanwhile, and whether the edge lets us through again shows one call. */
const longestEdgeBackOffMs = 60_000;

export interface FaultNote {
  readonly accountId: string;
  readonly model: string;
  readonly fault: Fault;
  readonly now: Date;
  /** Of the credential that the attempt used. */
  readonly credentialEpoch: number;
  /** The meter that counted the call; the account's own when nobody says. */
  readonly activeMeter?: string | null | undefined;
}

export function noteFault(
  board: AccountBoard,
  { accountId, model, fault, now, credentialEpoch, activeMeter }: FaultNote,
): void {
  const after = (ms: number) => new Date(now.getTime() + ms);
  switch (fault.kind) {
    case 'usage_exhausted':
      return board.record(accountId, onMeter(fault.exhausts ?? [], activeMeter), { model });
    case 'rate_limited':
      return board.coolDown(accountId, after(Math.min(fault.retryAfterMs ?? defaultCoolDownMs, longestCoolDownMs)));
    case 'token_rejected':
    case 'token_unavailable':
    case 'account_dead':
      return board.refuseCredential(accountId, { epoch: credentialEpoch, until: after(tokenCoolDownMs) });
    case 'edge_blocked':
      return board.backOffEdge(after(Math.min(fault.retryAfterMs ?? edgeBackOffMs, longestEdgeBackOffMs)));
    default:
      return;
  }
}

function onMeter(readings: readonly QuotaReading[], meter: string | null | undefined): readonly QuotaReading[] {
  return meter ? readings.map((reading) => ({ ...reading, meter })) : readings;
}
