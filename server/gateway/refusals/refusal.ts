/** What the client is told when no account can, or could, serve its request. Pure. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { exclusionReasons, type ExclusionReason } from '../../contract/vocabulary.ts';
import type { Exclusion } from '../../routing/eligibility.ts';
import { faultRow, type Fault, type FaultRow } from '../attempt/faults.ts';
import type { Continuation } from '../continuity/decide-continuation.ts';
import { messageOf } from '../attempt/judge-response.ts';
import { refusalOfPin } from './refusal-of-pin.ts';
import { boundedWait, longestWaitMs, passing } from '../admission/waiting.ts';

export interface RefusalFacts {
  readonly exclusions: readonly Exclusion[];
  /** Faults of this request's attempts, the newest last. */
  readonly faults: readonly Fault[];
  /** What its past said of its account; null when that was not asked yet. */
  readonly continuation: Pick<Continuation, 'pinnedTo' | 'why'> | null;
  readonly now: Date;
}

/** Used-up accounts decide over passing troubles only if nothing passing is left (wire spec A8). */
export function refusalOf(facts: RefusalFacts): GatewayError {
  const { exclusions, faults, continuation, now } = facts;
  if (continuation?.pinnedTo) {
    const refusal = refusalOfPin({ exclusions, faults, pinnedTo: continuation.pinnedTo, why: continuation.why, now });
    return refusal ?? refusalOfFault(faults.at(-1)!, facts);
  }
  const newest = faults.at(-1);
  const waiting = exclusions.filter(({ reason }) => passing.has(reason));
  const limited = exclusions.filter(({ reason }) => reason === 'usage_limit_reached');
  const endedInLimit = newest === undefined || newest.kind === 'usage_exhausted' || newest.kind === 'rate_limited';
  // An account that merely broke down may serve the next try, whichever account was asked last.
  const trouble = endedInLimit ? faults.findLast(({ kind }) => passingSubjects.has(faultRow(kind).subject)) : undefined;
  if (limited.length > 0 && waiting.length === 0 && endedInLimit && !trouble) {
    return new GatewayError('usage_limit_reached', {
      resetsAt: earliest(limited) ?? undefined,
      detail: tally(exclusions),
    });
  }
  if (newest && faults.some(({ kind }) => kind !== 'usage_exhausted')) return refusalOfFault(trouble ?? newest, facts);
  if (exclusions.length > 0 && exclusions.every(({ reason }) => aboutModel.has(reason)))
    return new GatewayError('invalid_model', { param: 'model' });
  if (
    exclusions.some(({ reason }) => lastingLack.has(reason)) &&
    exclusions.every(({ reason }) => aboutRequest.has(reason))
  )
    return new GatewayError('no_compatible_backend', { detail: tally(exclusions) });
  if (exclusions.length === 0 && !newest) return new GatewayError('pool_has_no_accounts');
  // Without a wait the client gives up after seconds and shows the sentence: what lasts is not worth waiting for.
  const retryAfterMs = waiting.length > 0 ? boundedWait(earliest(waiting), now) : undefined;
  return new GatewayError('no_eligible_backend', {
    retryAfterMs,
    detail: exclusions.length > 0 ? tally(exclusions) : undefined,
  });
}

/** Faults of the way there or of the provider pass; those of an account or a request do not. */
const passingSubjects = new Set<FaultRow['subject']>(['edge', 'provider']);

/** Reasons that no account serves the model, whatever else is wrong. */
const aboutModel = new Set<ExclusionReason>(['model_not_offered', 'model_refused']);

/** What the model cannot do on an account: another request would be served. */
const lastingLack = new Set<ExclusionReason>([
  'tier_not_offered',
  'streaming_not_offered',
  'images_not_offered',
  'tools_not_offered',
  'reasoning_not_offered',
]);

/** Reasons that lie in what was asked, not in the state of an account: asking again changes nothing. */
const aboutRequest = new Set<ExclusionReason>([...aboutModel, ...lastingLack]);

/** The provider's own words where they are fit to be passed on are handled by the caller; this is for the rest. */
function refusalOfFault(fault: Fault, { now, exclusions }: RefusalFacts): GatewayError {
  const { errorCode } = faultRow(fault.kind);
  const message = fault.kind === 'policy_refused' && fault.answer ? messageOf(fault.answer.body) : null;
  const until = earliest(exclusions.filter(({ reason }) => passing.has(reason)));
  const wait = fault.retryAfterMs ?? (until ? until.getTime() - now.getTime() : 2_000);
  const mayHelp = faultRow(fault.kind).subject !== 'request' && errorCode !== 'upstream_refused';
  return new GatewayError(errorCode, {
    detail: message ? `It said: ${message.slice(0, 500)}` : undefined,
    retryAfterMs: mayHelp ? Math.min(Math.max(wait, 1_000), longestWaitMs) : undefined,
  });
}

function earliest(exclusions: readonly Exclusion[]): Date | null {
  const times = exclusions.flatMap(({ until }) => (until ? [until.getTime()] : []));
  return times.length > 0 ? new Date(Math.min(...times)) : null;
}

/** "3 accounts: 1 must be signed in again, 2 have used up their limit." Counts, no names: key holders see this. */
function tally(exclusions: readonly Exclusion[]): string {
  const counts = new Map<ExclusionReason, number>();
  for (const { reason } of exclusions) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${saidOf(count, exclusionReasons[reason])}`);
  return `${exclusions.length} ${exclusions.length === 1 ? 'account' : 'accounts'}: ${parts.join(', ')}.`;
}

/** What is said of one account, said of so many. */
function saidOf(count: number, reason: string): string {
  return count === 1 ? reason : reason.replaceAll(/\b(?:is|was|has|does|its)\b/g, (word) => ofMany[word] ?? word);
}

const ofMany: Readonly<Record<string, string>> = { is: 'are', was: 'were', has: 'have', does: 'do', its: 'their' };
