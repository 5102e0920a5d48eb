/** Every reason an account may not serve a request, as named words. Pure functions of facts and one clock reading. */
import type { Unavailability } from '../accounts/account-board.ts';
import type { AccountFacts } from '../accounts/account.ts';

/** Why an account was left out; records and refusals count these. */
export const exclusionReasons = {
  account_paused: 'is paused',
  account_removed: 'was removed',
  account_signed_out: 'must be signed in again',
  account_token_expired: 'has an expired sign-in that could not be renewed yet',
  model_not_offered: 'does not offer the model',
  usage_limit_reached: 'has used up its limit',
  cooling_down: 'was asked to slow down',
  edge_back_off: "is waiting for the provider's network edge",
  pinned_elsewhere: "does not hold this conversation's compacted history",
  already_tried: 'was tried already',
} as const;
export type ExclusionReason = keyof typeof exclusionReasons;

export interface Exclusion {
  readonly accountId: string;
  readonly reason: ExclusionReason;
  /** When the reason ends by itself, as far as is known. */
  readonly until: Date | null;
}

export interface Candidate {
  readonly account: AccountFacts;
  /** What the board says of it for this model at this moment. */
  readonly unavailability: Unavailability | null;
}

export interface RoutingQuestion {
  readonly model: string;
  readonly now: Date;
  /** Only this account may serve: it holds state no other can read (wire spec B17). */
  readonly pinnedTo: string | null;
  /** Accounts that failed this request already. */
  readonly tried: ReadonlySet<string>;
}

/** The first reason that keeps this account out, or null when it may serve. Lasting reasons come first. */
export function exclusionOf(candidate: Candidate, question: RoutingQuestion): Exclusion | null {
  const { account, unavailability } = candidate;
  const because = (reason: ExclusionReason, until: Date | null = null): Exclusion => ({
    accountId: account.id,
    reason,
    until,
  });
  if (account.status === 'deleted') return because('account_removed');
  if (account.status === 'paused') return because('account_paused');
  if (account.status === 'reauth_required') return because('account_signed_out');
  if (question.pinnedTo !== null && question.pinnedTo !== account.id) return because('pinned_elsewhere');
  if (account.models !== null && !account.models.has(question.model)) return because('model_not_offered');
  if (account.status === 'refresh_failed' && isTokenExpired(account, question.now))
    return because('account_token_expired');
  if (unavailability) return because(unavailability.code, unavailability.until);
  if (question.tried.has(account.id)) return because('already_tried');
  return null;
}

/** A failed refresh stops an account only once its old token has run out. */
function isTokenExpired(account: AccountFacts, now: Date): boolean {
  return account.accessTokenExpiresAt !== null && account.accessTokenExpiresAt <= now;
}
