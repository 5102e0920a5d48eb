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
import { createSealedOpener, type Remedy, type SealedOpener } from './attempt/open-sealed.ts';
import { beginAttempt, endAttempt } from './attempt/attempt-record.ts';
import type { Continuation } from './continuity/decide-continuation.ts';
import { createDeadline, type Deadline } from './deadline.ts';
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
  try {
    await untilDeadline(parts.continuity.recall(exchange), { exchange, signal: deadline.signal });
    // From here to the claim nothing waits, so a second first request of the conversation sees it.
    const search = beginSearch(exchange, { parts, deadline });
    for (;;) {
      const next = chooseNext(search);
      if ('nobody' in next) {
        await rescueOne(search, next.nobody);
        continue;
      }
      const answered = await tryNext(search, next);
      if (answered) return answered;
    }
  } finally {
    deadline.stop();
  }
}

/** What the attempts of one exchange know of each other. */
interface Search {
  readonly exchange: Exchange;
  readonly parts: EngineParts;
  readonly deadline: Deadline;
  readonly continuation: Continuation;
  readonly opener: SealedOpener;
  /** Accounts that are not asked again. */
  readonly tried: Set<string>;
  /** What follows from the last fault, instead of a choice. */
  remedy: Remedy | null;
  isRescued: boolean;
}

interface Next {
  readonly account: AccountFacts;
  /** Why this one, for records. */
  readonly decision: StoredDecision;
}

function beginSearch(exchange: Exchange, { parts, deadline }: Pick<Search, 'parts' | 'deadline'>): Search {
  const continuation = parts.continuity.continuationOf(exchange);
  if (exchange.ask.mustOwnFiles && !parts.continuity.ownsFiles(exchange))
    throw new GatewayError('file_not_found', { param: 'file_id' });
  exchange.continuation = continuation;
  if (continuation.isTorn) throw refusalOfTorn(continuation);
  const tried = new Set<string>();
  const eligible = (pinnedTo: string) =>
    chosenOf(decideAccount(exchange, { parts, continuation: { ...continuation, pinnedTo }, tried }).choice);
  const opener = createSealedOpener(exchange, { ...parts, eligible });
  return { exchange, parts, deadline, continuation, opener, tried, remedy: null, isRescued: false };
}

/** Whom to ask next; the choice that found nobody where no one can serve. */
function chooseNext(search: Search): Next | { readonly nobody: Decided } {
  const { exchange, parts, continuation, tried, opener, remedy } = search;
  const remedied = ({ account }: Remedy) => ({
    account,
    decision: recordOfRemedy(exchange, { parts, continuation, tried, account }),
  });
  search.remedy = null;
  if (remedy) return remedied(remedy);
  const decided = decideAccount(exchange, { parts, continuation, tried });
  const account = chosenOf(decided.choice);
  if (account) return { account, decision: recordDecision(decided.scene, decided.choice) };
  const last = opener.lastRemedy();
  return last ? remedied(last) : { nobody: decided };
}

/** Frees an account by a saved reset, once, where a policy allows it; otherwise this is the end. */
async function rescueOne(search: Search, { scene, choice }: Decided): Promise<void> {
  const { exchange, parts, deadline, tried } = search;
  const accountIds = search.isRescued ? [] : rescueCandidates(choice.exclusions);
  const rescued = accountIds.length > 0 ? parts.rescue({ accountIds, model: exchange.ask.model }) : null;
  const freed = rescued && (await untilAborted(rescued, deadline.signal));
  if (freed === null) {
    exchange.deadEnd = recordDecision(scene, choice);
    throw finalRefusal(exchange, { parts, exclusions: choice.exclusions });
  }
  search.isRescued = true;
  tried.delete(freed);
}

/** null when another may be asked. */
async function tryNext(search: Search, { account, decision }: Next): Promise<Answered | null> {
  const { exchange, parts, deadline, opener, tried } = search;
  const admission = parts.health.begin({ ...scopeOf(exchange), accountId: account.id });
  if (admission.kind === 'refused') {
    tried.add(account.id);
    return null;
  }
  const { pass } = admission;
  parts.continuity.claimThread(exchange, account.id);
  const leaveAccount = parts.board.enter(account.id);
  logChoice(exchange, { parts, accountId: account.id });
  const attempt = beginAttempt(exchange, { parts, account, decision });
  const untilThen = { exchange, signal: deadline.signal };
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
    pass.failed(result.fault);
    await goOnAfter(result.fault, { search, account, attempt });
    return null;
  } catch (error) {
    leaveAccount();
    pass.ended({ terminal: null, failureCode: null, error, abortReason: null, now: parts.clock.now() });
    throw error;
  }
}

/** @throws the last word of this exchange where no other attempt may follow. */
async function goOnAfter(
  fault: Fault,
  { search, account, attempt }: { search: Search; account: AccountFacts; attempt: Attempt },
): Promise<void> {
  const { exchange, parts, deadline, opener, tried } = search;
  tried.add(account.id);
  learn(exchange, { parts, attempt, fault });
  const remedy = await untilDeadline(opener.remedyFor(fault, account), { exchange, signal: deadline.signal });
  const verdict = mayRetry({
    isCommitted: exchange.isCommitted,
    isAborted: exchange.signal.aborted,
    isPastDeadline: deadline.signal.aborted,
    faults: exchange.faults,
    isCompaction: exchange.ask.isCompaction,
    isMendable: remedy !== null,
  });
  endAttempt(attempt, { parts, status: verdict.retry ? 'retryable_failed' : 'failed', errorCode: fault.code });
  attempt.retryReason = verdict.retry ? (remedy?.word ?? fault.kind) : verdict.why;
  if (!verdict.retry) throw finalRefusal(exchange, { parts, exclusions: [] });
  search.remedy = remedy;
}

function chosenOf(choice: Choice): AccountFacts | null {
  return 'account' in choice ? choice.account : null;
}

function scopeOf({ client, ask, routeClass }: Exchange): Omit<HealthScope, 'accountId'> {
  return { poolId: client.poolId, keyId: client.keyId, model: ask.model, routeClass };
}

function logChoice({ id, continuation }: Exchange, { parts, accountId }: { parts: EngineParts; accountId: string }) {
  const { why, locality } = continuation ?? {};
  parts.log.debug('account_chosen', { requestId: id, accountId, reason: why, locality });
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
