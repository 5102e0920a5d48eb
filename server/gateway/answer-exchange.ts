/** The attempt loop: choose an account, try it, and decide whether another may follow. */
import type { ResetRescue } from '../accounts/resets/rescue.ts';
import type { AccountFacts } from '../accounts/account.ts';
import type { AccountBook } from '../accounts/account-book.ts';
import type { StoredDecision } from '../contract/decisions.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { untilAborted } from '../lib/until-aborted.ts';
import type { PoolBook } from '../pools/pool-book.ts';
import type { Choice } from '../routing/choose-account.ts';
import { recordDecision } from '../routing/record-decision.ts';
import type { Exclusion } from '../routing/eligibility.ts';
import type { LastSuccesses } from '../accounts/last-successes.ts';
import type { Random } from '../world/world.ts';
import type { Answer } from './attempt/answer.ts';
import { tryAccount, type AttemptParts } from './attempt/attempt.ts';
import type { Continuity } from './continuity/continuity.ts';
import { decideAccount, recordOfRemedy, type Decided } from './choice/decide-account.ts';
import type { Attempt, Exchange } from './exchange.ts';
import { faultRow, type Fault } from './attempt/faults.ts';
import { passesOn } from './attempt/judge-response.ts';
import type { HealthScope, AttemptHealth, AttemptPass } from './attempt/attempt-health.ts';
import { mayRetry } from './attempt/may-retry.ts';
import { noteFault } from './attempt/note-fault.ts';
import { createSealedOpener, type Remedy } from './attempt/open-sealed.ts';
import type { RecordKeeper } from './records/record-keeper.ts';
import { rescueCandidates } from './attempt/rescue-candidates.ts';
import { refusalOfTorn } from './refusals/refusal-of-pin.ts';
import { refusalOf } from './refusals/refusal.ts';
import { untilDeadline } from './until-deadline.ts';

export interface EngineParts extends AttemptParts {
  readonly continuity: Continuity;
  readonly book: AccountBook;
  readonly pools: PoolBook;
  readonly health: AttemptHealth;
  readonly successes: LastSuccesses;
  readonly records: RecordKeeper;
  readonly random: Random;
  /** The provider says an account is closed for good. */
  readonly onAccountDead: (accountId: string, code: string) => void;
  /** Spends a saved reset where a policy allows it; the account that serves again, or null. */
  readonly rescue: ResetRescue['rescue'];
}

/** The answer of an account that the client shall get: committed, or the provider's own refusal. */
export interface Answered {
  readonly answer: Answer;
  /** Call when the answer's last byte is sent or lost: the account's place is free again. */
  readonly leaveAccount: () => void;
  /** Tell it how the answer ended, before leaving the account. */
  readonly pass: AttemptPass;
}

/** The provider refused and its own words go to the client. */
export class RefusedByProvider extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super('the provider refused the request');
    this.name = 'RefusedByProvider';
    this.fault = fault;
  }
}

/**
 * @throws {GatewayError} when no account could serve it.
 * @throws {RefusedByProvider} when the provider's own refusal says it best.
 * @throws the exchange signal's reason when it aborts.
 */
export async function answerExchange(exchange: Exchange, parts: EngineParts): Promise<Answered> {
  const deadline = createDeadline(exchange, parts);
  const tried = new Set<string>();
  const untilThen = { exchange, signal: deadline.signal };
  try {
    await untilDeadline(parts.continuity.recall(exchange), untilThen);
    // From here to the claim nothing waits, so a second first request of the conversation sees it.
    const continuation = parts.continuity.continuationOf(exchange);
    if (exchange.ask.mustOwnFiles && !parts.continuity.ownsFiles(exchange))
      throw new GatewayError('file_not_found', { param: 'file_id' });
    exchange.continuation = continuation;
    if (continuation.isTorn) throw refusalOfTorn(continuation);
    const eligible = (pinnedTo: string) =>
      chosenOf(decideAccount(exchange, { parts, continuation: { ...continuation, pinnedTo }, tried }).choice);
    const opener = createSealedOpener(exchange, { ...parts, eligible });
    let remedy: Remedy | null = null;
    let isRescued = false;
    for (;;) {
      const decided: Decided | null = remedy ? null : decideAccount(exchange, { parts, continuation, tried });
      remedy ??= chosenOf(decided?.choice) ? null : opener.lastRemedy();
      const account: AccountFacts | null = chosenOf(remedy) ?? chosenOf(decided?.choice);
      if (!account) {
        const exclusions = decided?.choice.exclusions ?? [];
        const accountIds = isRescued ? [] : rescueCandidates(exclusions);
        const { model } = exchange.ask;
        const rescued = accountIds.length > 0 ? parts.rescue({ accountIds, model }) : null;
        const freed = rescued && (await untilAborted(rescued, deadline.signal));
        if (freed === null) {
          exchange.deadEnd = decided && recordDecision(decided.scene, decided.choice);
          throw finalRefusal(exchange, { parts, exclusions });
        }
        isRescued = true;
        tried.delete(freed);
        continue;
      }
      const decision =
        remedy || !decided
          ? recordOfRemedy(exchange, { parts, continuation, tried, account })
          : recordDecision(decided.scene, decided.choice);
      remedy = null;
      const admission = parts.health.begin({ ...scopeOf(exchange), accountId: account.id });
      if (admission.kind === 'refused') {
        tried.add(account.id);
        continue;
      }
      const { pass } = admission;
      parts.continuity.claimThread(exchange, account.id);
      const leaveAccount = parts.board.enter(account.id);
      logChoice(exchange, { parts, accountId: account.id });
      const attempt = beginAttempt(exchange, { parts, account, decision });
      try {
        await untilDeadline(opener.prepare(account), untilThen);
        await untilDeadline(parts.records.begin(exchange, attempt), untilThen);
        const headersMs = Math.max(1, deadline.remainingMs());
        const result = await tryAccount({ exchange, attempt, account, signal: deadline.signal, headersMs }, parts);
        if (result.kind === 'answer') {
          deadline.stop();
          parts.continuity.rememberThread(exchange, account.id);
          opener.answered(account);
          attempt.firstByteMs = parts.clock.monotonicMs() - attempt.startedMs;
          pass.answerBegan();
          return { answer: result.answer, leaveAccount, pass };
        }
        leaveAccount();
        tried.add(account.id);
        pass.failed(result.fault);
        learn(exchange, { parts, attempt, fault: result.fault });
        remedy = await untilDeadline(opener.remedyFor(result.fault, account), untilThen);
        const verdict = mayRetry({
          isCommitted: exchange.isCommitted,
          isAborted: exchange.signal.aborted,
          isPastDeadline: deadline.signal.aborted,
          faults: exchange.faults,
          isCompaction: exchange.ask.isCompaction,
          isMendable: remedy !== null,
        });
        endAttempt(attempt, {
          parts,
          status: verdict.retry ? 'retryable_failed' : 'failed',
          errorCode: result.fault.code,
        });
        attempt.retryReason = verdict.retry ? (remedy?.word ?? result.fault.kind) : verdict.why;
        if (!verdict.retry) throw finalRefusal(exchange, { parts, exclusions: [] });
      } catch (error) {
        leaveAccount();
        const now = parts.clock.now();
        pass.ended({ terminal: null, failureCode: null, error, abortReason: null, now });
        throw error;
      }
    }
  } finally {
    deadline.stop();
  }
}

function chosenOf(next: Choice | Remedy | null | undefined): AccountFacts | null {
  return next && 'account' in next ? next.account : null;
}

function scopeOf({ client, ask, routeClass }: Exchange): Omit<HealthScope, 'accountId'> {
  return { poolId: client.poolId, keyId: client.keyId, model: ask.model, routeClass };
}

function logChoice({ id, continuation }: Exchange, { parts, accountId }: { parts: EngineParts; accountId: string }) {
  const { why, locality } = continuation ?? {};
  parts.log.debug('account_chosen', { requestId: id, accountId, reason: why, locality });
}

function beginAttempt(
  exchange: Exchange,
  { parts, account, decision }: { parts: EngineParts; account: AccountFacts; decision: StoredDecision },
): Attempt {
  const attempt: Attempt = {
    id: parts.random.id(),
    number: exchange.attempts.length + 1,
    accountId: account.id,
    accountLabel: account.label,
    credentialEpoch: account.credentialEpoch,
    startedAt: parts.clock.now(),
    startedMs: parts.clock.monotonicMs(),
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
  }: { parts: Pick<EngineParts, 'clock'>; status: Attempt['status']; errorCode: string | null },
): void {
  if (attempt.completedAt) return;
  attempt.status = status;
  attempt.errorCode = errorCode;
  attempt.completedAt = parts.clock.now();
  attempt.totalMs = parts.clock.monotonicMs() - attempt.startedMs;
}

function learn(
  exchange: Exchange,
  { parts, attempt, fault }: { parts: EngineParts; attempt: Attempt; fault: Fault },
): void {
  exchange.faults.push(fault);
  const { accountId, activeMeter, credentialEpoch } = attempt;
  const now = parts.clock.now();
  noteFault(parts.board, { accountId, model: exchange.ask.model, fault, now, credentialEpoch, activeMeter });
  if (fault.kind === 'account_dead') parts.onAccountDead(accountId, fault.code);
  parts.log.info('attempt_failed', {
    requestId: exchange.id,
    accountId,
    attempt: attempt.number,
    fault: fault.kind,
    reason: fault.code,
    upstreamStatus: fault.upstreamStatus,
    upstreamRequestId: attempt.upstreamRequestId,
  });
}

/** The provider's own refusal where it may be shown, else ours. */
function finalRefusal(
  exchange: Exchange,
  { parts, exclusions }: { parts: EngineParts; exclusions: readonly Exclusion[] },
): Error {
  const newest = exchange.faults.at(-1);
  const refusal = refusalOf({
    exclusions,
    faults: exchange.faults,
    continuation: exchange.continuation,
    now: parts.clock.now(),
  });
  if (!newest || refusal.code === 'usage_limit_reached') return refusal;
  return passesOn(newest) && faultRow(newest.kind).passOn ? new RefusedByProvider(newest) : refusal;
}

/** All attempts together have so long until an answer begins; after that the stream's own limits hold. */
function createDeadline(exchange: Exchange, { clock }: EngineParts) {
  const { ask, settings } = exchange;
  const limitMs =
    ask.service?.limitMs ?? settings[ask.isCompaction ? 'gateway.compact_timeout_ms' : 'gateway.precommit_timeout_ms'];
  const endsMs = clock.monotonicMs() + limitMs;
  const controller = new AbortController();
  const forward = () => controller.abort(exchange.signal.reason);
  const timer = clock.timer(limitMs, () =>
    controller.abort(new GatewayError('upstream_timeout', { retryAfterMs: 2_000 })),
  );
  if (exchange.signal.aborted) forward();
  else exchange.signal.addEventListener('abort', forward, { once: true });
  return {
    /** Keeps forwarding the client's leaving after `stop`: the same signal carries the committed stream. */
    signal: controller.signal,
    remainingMs: () => endsMs - clock.monotonicMs(),
    stop: () => timer.stop(),
  };
}
