/** What is kept of one attempt: how it began, and how it ended. */
import type { AccountFacts } from '../../accounts/account.ts';
import type { StoredDecision } from '../../contract/decisions.ts';
import type { Clock, Random } from '../../world/world.ts';
import type { Attempt, Exchange } from '../exchange.ts';

/** One more attempt of the exchange, at this account, from this moment on. */
export function beginAttempt(
  exchange: Exchange,
  {
    parts: { clock, random },
    account,
    decision,
  }: {
    parts: { readonly clock: Clock; readonly random: Random };
    account: AccountFacts;
    decision: StoredDecision;
  },
): Attempt {
  const attempt: Attempt = {
    id: random.id(),
    number: exchange.attempts.length + 1,
    accountId: account.id,
    accountLabel: account.label,
    credentialEpoch: account.credentialEpoch,
    startedAt: clock.now(),
    startedMs: clock.monotonicMs(),
    decision,
    isRecorded: false,
    status: 'in_progress',
    upstreamStatus: null,
    errorCode: null,
    retryReason: null,
    upstreamRequestId: null,
    firstByteMs: null,
    totalMs: null,
    completedAt: null,
    mayHaveRun: false,
    usage: null,
    servedTier: null,
  };
  exchange.attempts.push(attempt);
  return attempt;
}

/** Closes an attempt; the first word on how it ended stands. */
export function endAttempt(
  attempt: Attempt,
  {
    parts,
    status,
    errorCode,
  }: { parts: { readonly clock: Clock }; status: Attempt['status']; errorCode: string | null },
): void {
  if (attempt.completedAt) return;
  attempt.status = status;
  attempt.errorCode = errorCode;
  attempt.completedAt = parts.clock.now();
  attempt.totalMs = parts.clock.monotonicMs() - attempt.startedMs;
}
