/** What the client of a pinned conversation is told when its one account cannot serve it: always the real reason. Pure. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { exclusionReasons, type ContinuationReason } from '../../contract/vocabulary.ts';
import type { Exclusion } from '../../routing/eligibility.ts';
import type { Continuation } from '../continuity/decide-continuation.ts';
import type { Fault } from '../attempt/faults.ts';
import { boundedWait, passing } from '../admission/waiting.ts';

export interface PinFacts {
  readonly exclusions: readonly Exclusion[];
  /** Faults of this request's attempts, the newest last. */
  readonly faults: readonly Fault[];
  readonly pinnedTo: string;
  readonly why: ContinuationReason;
  readonly now: Date;
}

/** What only a person can mend, found out by this request itself. */
const accountFaults: ReadonlySet<Fault['kind']> = new Set(['token_rejected', 'token_unavailable', 'account_dead']);

/** null when the newest attempt's own fault says it best. */
export function refusalOfPin({ exclusions, faults, pinnedTo, why, now }: PinFacts): GatewayError | null {
  const holder = exclusions.find(({ accountId }) => accountId === pinnedTo);
  const newest = faults.at(-1);
  if (holder?.reason === 'usage_limit_reached') {
    const continuity = { pinnedBy: why, reason: holder.reason };
    return new GatewayError('usage_limit_reached', {
      resetsAt: holder.until ?? undefined,
      detail: 'Only the account that holds this conversation could; a new conversation may be served by another.',
      continuity,
    });
  }
  if (newest && !accountFaults.has(newest.kind)) return null;
  if (holder && (holder.reason !== 'already_tried' || !newest)) return refusalFor(holder, { why, now });
  if (newest) {
    const continuity = { pinnedBy: why, reason: newest.code };
    const isSignedOut = newest.code === 'token_signed_out';
    return new GatewayError(isSignedOut ? 'pinned_continuation_reauth_required' : 'pinned_continuation_unavailable', {
      continuity,
    });
  }
  return new GatewayError('pinned_continuation_unavailable', {
    detail: 'The account was removed, or is no longer in this Pool.',
    continuity: { pinnedBy: why, reason: 'account_gone' },
  });
}

function refusalFor({ reason, until }: Exclusion, { why, now }: { why: ContinuationReason; now: Date }): GatewayError {
  const continuity = { pinnedBy: why, reason };
  if (reason === 'account_signed_out') return new GatewayError('pinned_continuation_reauth_required', { continuity });
  return new GatewayError('pinned_continuation_unavailable', {
    detail: `The account ${exclusionReasons[reason]}.`,
    // Without a failed attempt, `already_tried` means that another request is just trying it.
    retryAfterMs: passing.has(reason) || reason === 'already_tried' ? boundedWait(until, now) : undefined,
    continuity,
  });
}

/** It goes on from what two accounts made, so neither could read it all. */
export function refusalOfTorn({ why }: Continuation): GatewayError {
  if (why === 'file') return new GatewayError('file_assignment_conflict', { param: 'file_id' });
  return new GatewayError('pinned_continuation_unavailable', {
    detail: 'The conversation goes on from what two accounts made, and neither can read what the other did.',
    continuity: { pinnedBy: why, reason: 'state_of_two_accounts' },
  });
}
