/** May another attempt follow a failed one, and if not, why? The only place that decides it. Pure. */
import { faultRow, type Fault } from './faults.ts';

export interface RetryFacts {
  /** Something meaningful went to the client: an attempt elsewhere would repeat it. */
  readonly isCommitted: boolean;
  /** The client left or the gateway stops: nobody waits for another attempt. */
  readonly isAborted: boolean;
  /** All attempts together have used their time. */
  readonly isPastDeadline: boolean;
  /** Faults of this request so far, the newest last. */
  readonly faults: readonly Fault[];
  /** Compaction is paid work: it moves only when the refused attempt certainly did none (gateway spec 16.3). */
  readonly isCompaction: boolean;
  /** The newest fault lies in what was sent, and that can be mended. */
  readonly isMendable: boolean;
}

export type RetryDecision =
  | { readonly retry: true }
  | { readonly retry: false; readonly why: 'committed' | 'aborted' | 'deadline' | 'fault' | 'once' | 'compaction' };

/** Faults after which the provider certainly has not run the request. */
const nothingRan = new Set([
  'connect_failed',
  'token_rejected',
  'token_unavailable',
  'account_dead',
  'usage_exhausted',
  'rate_limited',
]);

export function mayRetry(facts: RetryFacts): RetryDecision {
  const newest = facts.faults.at(-1);
  if (facts.isCommitted) return { retry: false, why: 'committed' };
  if (facts.isAborted) return { retry: false, why: 'aborted' };
  if (facts.isPastDeadline) return { retry: false, why: 'deadline' };
  if (!newest) return { retry: true };
  const { retry } = faultRow(newest.kind);
  if (facts.isMendable) return { retry: true };
  if (retry === 'never') return { retry: false, why: 'fault' };
  if (facts.isCompaction && !nothingRan.has(newest.kind)) return { retry: false, why: 'compaction' };
  const sameKind = facts.faults.filter(({ kind }) => kind === newest.kind).length;
  if (retry === 'other_account_once' && sameKind > 1) return { retry: false, why: 'once' };
  return { retry: true };
}
