/** One try at one account: credential, call, and what came back, as an answer to commit or as a fault. */
import type { AccountBoard } from '../../accounts/account-board.ts';
import type { AccountFacts, Credential } from '../../accounts/account.ts';
import { readQuotaHeaders, readRateLimitsEvent } from '../../accounts/read-quota.ts';
import { hasListOfItsOwn } from '../../api-keys/key-policy.ts';
import type { TokenKeeper } from '../../accounts/token-keeper.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { readServedTier, readTokenUsage } from '../../usage/usage.ts';
import type { CodexAnswer, CodexClient } from '../../upstream/codex-client.ts';
import { NetworkFault, type Clock, type HttpAnswer, type Log } from '../../world/world.ts';
import { answerHeaders, upstreamRequestId } from './answer-headers.ts';
import type { Answer } from './answer.ts';
import type { Continuity } from '../continuity/continuity.ts';
import { bodyToSend, type Attempt, type Exchange } from '../exchange.ts';
import type { Fault, FaultKind } from './faults.ts';
import { judgeLateFailure, judgeRefusal, maxErrorBodyBytes } from './judge-response.ts';
import { readFileId } from './read-file-id.ts';
import { readAnswerFacts } from './read-answer-facts.ts';
import { maxWholeAnswerBytes, readBodyStart, readWholeBody } from './read-whole-body.ts';
import type { AnswerObserver } from '../stream/observe-answer.ts';
import { sealedItemsIn } from './shed-sealed-items.ts';
import { SseBlockTooLarge } from '../stream/sse-blocks.ts';
import { createUpstreamStream } from '../stream/upstream-stream.ts';

export interface AttemptParts {
  readonly codex: CodexClient;
  readonly tokens: TokenKeeper;
  readonly board: AccountBoard;
  readonly continuity: Pick<
    Continuity,
    | 'issuedTurnState'
    | 'rememberTurnState'
    | 'rememberResponse'
    | 'rememberCompaction'
    | 'rememberSealed'
    | 'rememberFile'
  >;
  readonly clock: Clock;
  readonly log: Log;
  /** An answer of this account named the ETag of its model list. */
  readonly onModelsEtag: (accountId: string, etag: string) => void;
  /** The ETag under which the Pool's models are served now. */
  readonly poolEtag: (poolId: string) => string | null;
}

export interface AttemptQuestion {
  readonly exchange: Exchange;
  readonly attempt: Attempt;
  readonly account: AccountFacts;
  /** Aborts with the exchange, and at the deadline until the answer is committed. */
  readonly signal: AbortSignal;
  readonly headersMs: number;
}

export type AttemptResult =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** Never throws for what the provider does; throws the signal's reason when it aborts. */
export async function tryAccount(question: AttemptQuestion, parts: AttemptParts): Promise<AttemptResult> {
  try {
    return await callWithCredential(question, parts);
  } catch (error) {
    if (question.signal.aborted) throw question.signal.reason;
    if (error instanceof NetworkFault) return faulted(faultOfNetwork(error));
    if (error instanceof SseBlockTooLarge) return faulted(plainFault('answer_too_large', 'event_too_large'));
    throw error;
  }
}

/** A 401 is handled once: refresh, repeat on the same account; a second one is that account's fault (wire spec B15). */
async function callWithCredential(question: AttemptQuestion, parts: AttemptParts): Promise<AttemptResult> {
  let credential = await credentialOf(question, parts);
  if (!credential) return faulted(plainFault('token_unavailable', 'token_unavailable'));
  for (let isRepeated = false; ; isRepeated = true) {
    const answer = await call(question, { parts, credential });
    if (answer.status >= 200 && answer.status < 300) return readAnswer(question, { parts, answer });
    const fault = await refusalOf(question, { parts, answer });
    if (fault.kind !== 'token_rejected' || isRepeated) return faulted(fault);
    const renewed = await parts.tokens.renew({
      accountId: question.account.id,
      seenEpoch: credential.epoch,
      reason: 'unauthorized_recovery',
      signal: question.signal,
    });
    if (renewed.kind === 'signed_out' || renewed.kind === 'failed_for_now')
      return faulted({ ...fault, code: `token_${renewed.kind}` });
    credential = renewed.credential;
  }
}

/** null when the account has no usable credential: signed out meanwhile, or its secret cannot be read. */
async function credentialOf(
  { account, signal }: AttemptQuestion,
  { tokens, log }: AttemptParts,
): Promise<Credential | null> {
  try {
    return await tokens.credential(account.id, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const code = error instanceof GatewayError ? error.code : error instanceof Error ? error.name : 'unknown';
    log.warn('credential_unavailable', { accountId: account.id, reason: code });
    return null;
  }
}

async function call(
  question: AttemptQuestion,
  { parts, credential }: { parts: AttemptParts; credential: Credential },
): Promise<CodexAnswer> {
  const { account, attempt, exchange, signal, headersMs } = question;
  const { ask } = exchange;
  const { turnState } = ask;
  const mayShowTurnState = parts.continuity.issuedTurnState(exchange, account.id);
  attempt.mayHaveRun = true;
  attempt.credentialEpoch = credential.epoch;
  try {
    const answer = await parts.codex.call({
      account,
      credential,
      root: ask.service?.root ?? '/backend-api/codex',
      path: ask.upstreamPath,
      body: exchange.shed?.accountId === account.id ? exchange.shed.body : bodyToSend(exchange),
      identityHeaders: ask.identityHeaders,
      turnState: mayShowTurnState ? turnState : null,
      socketOwner: exchange.socketOwner,
      signal,
      headersMs,
    });
    attempt.upstreamStatus = answer.status;
    attempt.upstreamRequestId = upstreamRequestId(answer.headers);
    const evidence = readQuotaHeaders(answer.headers, parts.clock.now());
    attempt.activeMeter = evidence.activeMeter;
    parts.board.record(account.id, evidence.readings);
    parts.board.noteCredits(account.id, evidence.credits);
    return answer;
  } catch (error) {
    if (error instanceof NetworkFault && error.kind === 'connect') attempt.mayHaveRun = false;
    throw error;
  }
}

/** A refusal did no work; its facts go to the board (`note-fault.ts` decides which). */
async function refusalOf(
  { attempt }: AttemptQuestion,
  { parts, answer }: { parts: AttemptParts; answer: HttpAnswer },
): Promise<Fault> {
  const body = await readBodyStart(answer, maxErrorBodyBytes);
  attempt.mayHaveRun = false;
  return judgeRefusal({ status: answer.status, headers: answer.headers, body }, parts.clock.now());
}

async function readAnswer(
  question: AttemptQuestion,
  { parts, answer }: { parts: AttemptParts; answer: CodexAnswer },
): Promise<AttemptResult> {
  const { exchange, account } = question;
  const turnState = answer.headers.get('x-codex-turn-state');
  const etag = answer.headers.get('x-models-etag');
  if (etag) parts.onModelsEtag(account.id, etag);
  if (turnState) parts.continuity.rememberTurnState(exchange, { turnState, accountId: account.id });
  const isStream = exchange.ask.wantsStream && !(answer.headers.get('content-type') ?? '').includes('json');
  const headers = answerHeaders(answer.headers, {
    requestId: exchange.id,
    // A key whose policy shows in its list is served another one under another ETag (`model-list.ts`).
    poolEtag: hasListOfItsOwn(exchange.client.policy) ? null : parts.poolEtag(exchange.client.poolId),
    isStream,
  });
  return isStream ? openStream(question, { parts, answer, headers }) : readWhole(question, { parts, answer, headers });
}

interface Received {
  readonly parts: AttemptParts;
  readonly answer: CodexAnswer;
  readonly headers: Readonly<Record<string, string>>;
}

async function openStream(
  { exchange, account, attempt }: AttemptQuestion,
  { parts, answer, headers }: Received,
): Promise<AttemptResult> {
  const { board, continuity, clock } = parts;
  const stream = createUpstreamStream({
    answer,
    clock,
    holdMs: exchange.settings['gateway.holdback_ms'],
    idleMs: exchange.settings['gateway.stream_idle_timeout_ms'],
    onRateLimits(event) {
      const evidence = readRateLimitsEvent(event, clock.now());
      board.record(account.id, evidence?.readings ?? []);
      board.noteCredits(account.id, evidence?.credits ?? null);
    },
    onCompaction: (content) => continuity.rememberCompaction(content, account.id),
    onSealed: (content) => continuity.rememberSealed(content, account.id),
    onTurnState: (turnState) => continuity.rememberTurnState(exchange, { turnState, accountId: account.id }),
    onAnswered: (responseId) => continuity.rememberResponse(exchange, { responseId, accountId: account.id }),
  });
  const committed: AttemptResult = {
    kind: 'answer',
    answer: { kind: 'stream', status: answer.status, headers, stream, isContinuable: answer.isContinuable },
  };
  const held = await stream.open();
  if (held.kind === 'committed') return committed;
  if (held.kind === 'ended') {
    stream.cancel();
    return faulted(plainFault('connection_lost', 'stream_ended_early'));
  }
  // It failed before it did anything, unless it says what it used, be it in numbers that cannot be right.
  attempt.mayHaveRun = stream.observer.reportsUsage;
  noteReport(attempt, stream.observer);
  const isError = held.failure['type'] === 'error';
  const fault = judgeLateFailure(isError ? held.failure : held.failure['response'], clock.now());
  // The request's own fault: clients know these codes and show what they mean. An `error` event they would not see.
  const isFinal = fault.kind === 'request_refused' || (fault.kind === 'sealed_elsewhere' && !mayBeMended(exchange));
  if (isFinal && !isError) {
    stream.passFailureOn();
    return committed;
  }
  stream.cancel();
  return faulted(fault);
}

/** Keeps what the provider reported of an attempt, whether its answer is passed on or not. */
export function noteReport(
  attempt: Attempt,
  { usage, servedTier }: Pick<AnswerObserver, 'usage' | 'servedTier'>,
): void {
  attempt.usage = usage;
  attempt.servedTier = servedTier;
}

/** Something can still be left out of what was sent (`open-sealed.ts`). */
function mayBeMended({ ask, shed }: Exchange): boolean {
  return shed === null && sealedItemsIn(ask.body).length > 0;
}

/** Usage stands in the answer itself, for compactions as for plain answers. */
async function readWhole(
  { exchange, account, attempt }: AttemptQuestion,
  { parts, answer, headers }: Received,
): Promise<AttemptResult> {
  const body = await readWholeBody(answer, maxWholeAnswerBytes);
  if (!body) return faulted(plainFault('answer_too_large', 'answer_too_large'));
  const { usage, servedTier, compactions, sealed, responseId } = readAnswerFacts(body);
  noteReport(attempt, { usage: readTokenUsage(usage), servedTier: readServedTier(servedTier) });
  for (const content of compactions) parts.continuity.rememberCompaction(content, account.id);
  for (const content of sealed) parts.continuity.rememberSealed(content, account.id);
  if (responseId !== null) parts.continuity.rememberResponse(exchange, { responseId, accountId: account.id });
  const fileId = exchange.ask.service?.makesFile ? readFileId(body) : null;
  if (fileId !== null) parts.continuity.rememberFile(exchange, { fileId, accountId: account.id });
  return { kind: 'answer', answer: { kind: 'whole', status: answer.status, headers, body } };
}

function faulted(fault: Fault): AttemptResult {
  return { kind: 'fault', fault };
}

function plainFault(kind: FaultKind, code: string): Fault {
  return { kind, upstreamStatus: null, code, retryAfterMs: null, answer: null };
}

function faultOfNetwork(error: NetworkFault): Fault {
  const kinds = {
    connect: 'connect_failed',
    timeout: 'answer_timeout',
    reset: 'connection_lost',
    aborted: 'connection_lost',
  } as const;
  return plainFault(kinds[error.kind], error.systemCode);
}
