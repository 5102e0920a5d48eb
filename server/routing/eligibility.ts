/** Every reason an account may not serve a request, as named words. Pure functions of facts and one clock reading. */
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
  circuit_open: 'failed several times and is left alone for a moment',
  circuit_probing: 'failed several times and is being tried again',
  network_down: 'cannot be reached from this machine now',
  model_refused: 'was refused the model by the provider',
  pinned_elsewhere: "does not hold this conversation's compacted history",
  already_tried: 'was tried already',
  outside_ring: 'was not among those that one request may try',
} as const;
export type ExclusionReason = keyof typeof exclusionReasons;

export interface Exclusion {
  readonly accountId: string;
  readonly reason: ExclusionReason;
  /** When the reason ends by itself, as far as is known. */
  readonly until: Date | null;
}

/** Why an account takes no call now although its own state is sound. */
export interface Unavailability {
  readonly code: ExclusionReason;
  /** When it ends by itself, as far as is known. */
  readonly until: Date | null;
}

export interface RoutingQuestion {
  readonly model: string;
  readonly now: Date;
  /** Only this account may serve: it holds state no other can read (wire spec B17). */
  readonly pinnedTo: string | null;
  /** Accounts that failed this request already. */
  readonly tried: ReadonlySet<string>;
  /** What the board, or what attempts taught of its circuit, says against an account now. Must be instant. */
  readonly unavailability: (accountId: string) => Unavailability | null;
}

/**
 * The first reason that keeps this account out, or null when it may serve. Lasting reasons come first. Makes nothing
 * unless it excludes: most accounts may serve, and all are asked for every request.
 */
export function exclusionOf(account: AccountFacts, question: RoutingQuestion): Exclusion | null {
  const reason = lastingReason(account, question);
  if (reason !== null) return { accountId: account.id, reason, until: null };
  const unavailability = question.unavailability(account.id);
  if (unavailability) return { accountId: account.id, reason: unavailability.code, until: unavailability.until };
  return question.tried.has(account.id) ? { accountId: account.id, reason: 'already_tried', until: null } : null;
}

/** What its own state and the request itself say against an account. */
function lastingReason(account: AccountFacts, question: RoutingQuestion): ExclusionReason | null {
  if (account.status === 'deleted') return 'account_removed';
  if (account.status === 'paused') return 'account_paused';
  if (account.status === 'reauth_required') return 'account_signed_out';
  if (question.pinnedTo !== null && question.pinnedTo !== account.id) return 'pinned_elsewhere';
  if (account.models !== null && !account.models.has(question.model)) return 'model_not_offered';
  return account.status === 'refresh_failed' && isTokenExpired(account, question.now) ? 'account_token_expired' : null;
}

/** A failed refresh stops an account only once its old token has run out. */
function isTokenExpired(account: AccountFacts, now: Date): boolean {
  return account.accessTokenExpiresAt !== null && account.accessTokenExpiresAt <= now;
}
