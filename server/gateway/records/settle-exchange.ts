/** Turns what became of an exchange into its records: pure, and called once per exchange by the record keeper. */
import type { Prices } from '../../catalog/prices.ts';
import { costOf } from '../../usage/cost.ts';
import type { Amounts, AttemptRow, ReportedUse, RequestRow, Reservation, Settlement } from '../../usage/ledger-rows.ts';
import { storedMs } from '../../usage/stored-ms.ts';
import type { Usage } from '../../usage/usage.ts';
import { bodyToSend, currentAttempt, type Attempt, type Exchange, type Outcome } from '../exchange.ts';
import { recordedWords, type WordSources } from './recorded-words.ts';

/** Output set aside per request when nothing says that it will be less, in tokens (gateway spec 11.2). */
const usualOutputTokens = 512;
/** With context of unknown size the answer is likely to be longer. */
const opaqueOutputTokens = 2048;
/** Bytes of JSON per token, as a rule of thumb (gateway spec 11.2). */
const bytesPerToken = 4;

/**
 * What is set aside before dispatch, and what counts for as long as usage is not reported: of the bytes that are sent.
 *
 * @param options.inputTokens - In their place, where nothing is sent.
 */
export function estimateOf(exchange: Exchange, options: { prices: Prices; inputTokens?: number }): Amounts {
  const { ask, limits } = exchange;
  if (ask.service && !ask.service.hasTokens) return nothingSetAside;
  const usual = ask.hasOpaqueContext ? opaqueOutputTokens : usualOutputTokens;
  // A cap lowers what is set aside and never raises it: a low cap must not refuse every request (product spec 5.3).
  const outputTokens = Math.min(usual, ask.outputCap ?? usual, limits.outputCap ?? usual);
  const { prices, inputTokens = Math.ceil(bodyToSend(exchange).length / bytesPerToken) } = options;
  const usage: Usage = {
    inputTokens,
    cachedTokens: null,
    cacheWriteTokens: null,
    outputTokens,
    reasoningTokens: null,
    totalTokens: inputTokens + outputTokens,
  };
  const cost = costOf({ model: ask.model, usage, requestedTier: ask.requestedTier, servedTier: null }, prices);
  return { ...usage, costMicros: cost.micros, costStatus: cost.status === 'priced' ? 'estimated' : cost.status };
}

const nothingSetAside: Amounts = {
  inputTokens: 0,
  cachedTokens: null,
  cacheWriteTokens: null,
  outputTokens: 0,
  reasoningTokens: null,
  totalTokens: 0,
  costMicros: '0',
  costStatus: 'estimated',
};

interface RowOptions extends WordSources {
  readonly processNumber: number;
}

/** The request as it is recorded, whatever becomes of it. */
export function requestRowOf(exchange: Exchange, { processNumber, ...sources }: RowOptions): RequestRow {
  const { client, ask } = exchange;
  return {
    requestId: exchange.id,
    poolId: client.poolId,
    keyId: client.keyId,
    keyName: client.keyName,
    keyPrefix: client.keyPrefix,
    processNumber,
    endpoint: exchange.endpoint,
    transport: exchange.transport,
    routeClass: exchange.routeClass,
    ...recordedWords(exchange, sources),
    clientAddress: exchange.clientAddress,
    clientName: exchange.clientName,
    requestBytes: ask.body.length,
    admittedAt: exchange.admittedAt,
  };
}

/** What is written before the first account is asked: the request, its attempt, and the estimate that is set aside. */
export function reservationOf(
  exchange: Exchange,
  { attempt, ...options }: RowOptions & { attempt: Attempt; prices: Prices },
): Reservation {
  const { prices } = options;
  return {
    ...requestRowOf(exchange, options),
    reservedAt: attempt.startedAt,
    turnSha256: exchange.turnSha256,
    attemptId: attempt.id,
    accountId: attempt.accountId,
    accountLabel: attempt.accountLabel,
    decision: attempt.decision,
    estimate: estimateOf(exchange, { prices }),
  };
}

/**
 * The settlement. What each attempt reported counts as reported. The last attempt that may have run decides for the
 * request: without its report the estimate counts, and when none can have run, nothing does.
 */
export function settlementOf(
  exchange: Exchange,
  { outcome, prices, completedAt, totalMs }: { outcome: Outcome; prices: Prices; completedAt: Date; totalMs: number },
): Settlement {
  const last = currentAttempt(exchange);
  const decisive = exchange.attempts.findLast(({ usage, mayHaveRun }) => usage !== null || mayHaveRun);
  return {
    requestId: exchange.id,
    status: outcome.kind,
    usageStatus: !decisive ? 'not_applicable' : decisive.usage ? 'usage_known' : 'usage_unknown',
    errorCode: outcome.kind === 'succeeded' ? null : outcome.errorCode,
    responseStatus: exchange.responseStatus,
    accountId: last?.accountId ?? null,
    accountLabel: last?.accountLabel ?? null,
    servedTier: last?.servedTier ?? null,
    responseBytes: exchange.responseBytes,
    firstByteMs: exchange.firstByteMs === null ? null : storedMs(exchange.firstByteMs),
    totalMs: storedMs(totalMs),
    completedAt,
    decision: exchange.deadEnd,
    attempts: exchange.attempts.map((attempt) => ({
      ...attemptRowOf(exchange, attempt),
      ...(!attempt.isRecorded && attempt.decision && { decision: attempt.decision }),
    })),
    compression: exchange.compressed?.facts ?? null,
    uses: exchange.attempts.flatMap((attempt) => reportedUse(exchange, { attempt, decisive, prices }) ?? []),
  };
}

function reportedUse(
  { ask }: Exchange,
  { attempt, decisive, prices }: { attempt: Attempt; decisive: Attempt | undefined; prices: Prices },
): ReportedUse | null {
  const { usage, servedTier, accountId } = attempt;
  if (!usage) return null;
  const cost = costOf({ model: ask.model, usage, requestedTier: ask.requestedTier, servedTier }, prices);
  return {
    event: attempt === decisive ? 'settlement' : `attempt:${attempt.number}`,
    accountId,
    ...usage,
    costMicros: cost.micros,
    costStatus: cost.status,
  };
}

/** One attempt as it is recorded. */
export function attemptRowOf(exchange: Exchange, attempt: Attempt): AttemptRow {
  const rounded = (ms: number | null) => (ms === null ? null : storedMs(ms));
  return {
    id: attempt.id,
    number: attempt.number,
    accountId: attempt.accountId,
    accountLabel: attempt.accountLabel,
    transport: exchange.transport,
    status: attempt.status,
    upstreamStatus: attempt.upstreamStatus,
    errorCode: attempt.errorCode,
    retryReason: attempt.retryReason,
    upstreamRequestId: attempt.upstreamRequestId,
    firstByteMs: rounded(attempt.firstByteMs),
    totalMs: rounded(attempt.totalMs),
    startedAt: attempt.startedAt,
    completedAt: attempt.completedAt,
  };
}
