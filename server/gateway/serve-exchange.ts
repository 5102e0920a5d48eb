/** Serves one exchange: a seat, an answer, the way to the client, and whatever happened, one settlement. */
import { GatewayError } from '../contract/gateway-error.ts';
import { pongDeadline } from '../upstream/codex-socket.ts';
import { NetworkFault } from '../world/world.ts';
import { answerExchange, RefusedByProvider, type Answered, type EngineParts } from './answer-exchange.ts';
import { endAttempt } from './attempt/attempt-record.ts';
import { noteReport } from './attempt/attempt.ts';
import type { Carrier } from './carriers/carrier.ts';
import { AnswerFailed } from './carriers/follow-answer.ts';
import type { Compressor } from './compression/compressor.ts';
import { providerFailure } from './dialects/openai/provider-failure.ts';
import { currentAttempt, type Exchange, type Outcome } from './exchange.ts';
import { judgeLateFailure } from './attempt/judge-response.ts';
import { noteFault } from './attempt/note-fault.ts';
import type { EndingFacts } from './attempt/outcome-of-fault.ts';
import { ClientLeft } from './running-exchanges.ts';
import { SseBlockTooLarge } from './stream/sse-blocks.ts';
import { StreamIdle } from './stream/upstream-stream.ts';
import { statusOfRefusal, statusTold } from './refusals/status-told.ts';
import { waitForSeat, type SeatParts } from './admission/wait-for-seat.ts';

export type ServingParts = EngineParts & SeatParts & { readonly compressor: Compressor };

/**
 * @throws {GatewayError} or {@link RefusedByProvider} while nothing has been sent; afterwards it only ends the answer.
 */
export async function serveExchange(
  exchange: Exchange,
  { carrier, parts }: { carrier: Carrier; parts: ServingParts },
): Promise<void> {
  const leaveSeat = await waitForSeat(exchange, parts);
  let answered: Answered | null = null;
  let outcome: Outcome = { kind: 'failed', errorCode: 'internal_error' };
  try {
    // Only inference carries tool outputs; a recording is no JSON at all.
    if (exchange.routing.requestCompression && exchange.ask.service === null)
      exchange.compressed = await parts.compressor.compress({ id: exchange.id, body: exchange.ask.body });
    answered = await answerExchange(exchange, parts);
    await carrier.send(answered.answer);
    await carrier.end();
    outcome = outcomeOf(exchange, { answered, error: null });
    answered.pass.ended(endingOf(exchange, { parts, answered, error: null }));
  } catch (error) {
    outcome = outcomeOf(exchange, { answered, error });
    if (answered) answered.pass.ended(endingOf(exchange, { parts, answered, error }));
    exchange.responseStatus ??= statusTold(error, exchange);
    if (error instanceof GatewayError && !exchange.isReserved) throw refuse(exchange, { parts, refusal: error });
    if (!exchange.isCommitted) throw error;
    await carrier.end();
  } finally {
    answered?.leaveAccount();
    // Only counts when nothing was said before: a try that is never given back would keep its account out.
    answered?.pass.release();
    let settled: Promise<void> | undefined;
    try {
      settled = finish(exchange, { parts, answered, outcome });
    } finally {
      leaveSeat(settled);
    }
  }
}

/** Every path ends here, once: usage, attempt and request are closed together. Resolves when that is written. */
function finish(
  exchange: Exchange,
  { parts, answered, outcome }: { parts: ServingParts; answered: Answered | null; outcome: Outcome },
): Promise<void> {
  const attempt = currentAttempt(exchange);
  if (attempt && answered?.answer.kind === 'stream') noteReport(attempt, answered.answer.stream.observer);
  noteFailureInStream(exchange, { parts, answered });
  if (attempt)
    endAttempt(attempt, {
      parts,
      status: outcome.kind,
      errorCode: outcome.kind === 'succeeded' ? null : outcome.errorCode,
    });
  if (attempt && outcome.kind === 'succeeded') parts.successes.note(attempt.accountId, parts.clock.now());
  return parts.records.settle(exchange, outcome);
}

/** A limit that shows only after the commit cannot move this request any more, but it is known for the next one. */
function noteFailureInStream(
  exchange: Exchange,
  { parts, answered }: { parts: ServingParts; answered: Answered | null },
): void {
  const attempt = currentAttempt(exchange);
  const observer = answered?.answer.kind === 'stream' ? answered.answer.stream.observer : null;
  if (!attempt || observer?.terminal !== 'failed') return;
  const now = parts.clock.now();
  const fault = judgeLateFailure({ error: observer.failure }, now);
  const { accountId, activeMeter, credentialEpoch } = attempt;
  noteFault(parts.board, { accountId, model: exchange.ask.model, fault, now, credentialEpoch, activeMeter });
}

/** What the end of the answer tells of its circuit. A whole body is complete once it is read. */
function endingOf(
  { signal }: Exchange,
  { parts, answered: { answer }, error }: { parts: ServingParts; answered: Answered; error: unknown },
): EndingFacts {
  const { terminal, failureCode } =
    answer.kind === 'stream' ? answer.stream.observer : ({ terminal: 'completed', failureCode: null } as const);
  const abortReason: unknown = signal.aborted ? signal.reason : null;
  return { terminal, failureCode, error, abortReason, now: parts.clock.now() };
}

/** A terminal event decides, whatever happens to the connection afterwards (gateway spec 7.1). */
function outcomeOf(exchange: Exchange, { answered, error }: { answered: Answered | null; error: unknown }): Outcome {
  const terminal = answered?.answer.kind === 'stream' ? answered.answer.stream.observer.terminal : null;
  if ((terminal === 'completed' || terminal === 'incomplete') && !isUnusable(error)) return { kind: 'succeeded' };
  if (terminal === 'failed' && answered?.answer.kind === 'stream') {
    return { kind: 'failed', errorCode: answered.answer.stream.observer.failureCode ?? 'response_failed' };
  }
  if (answered?.answer.kind === 'whole' && error === null) return { kind: 'succeeded' };
  if (exchange.signal.reason instanceof ClientLeft) return { kind: 'cancelled', errorCode: 'client_disconnected' };
  return { kind: 'failed', errorCode: failureCodeOf(error, exchange) };
}

/** The answer came to its end, and is nothing of what was asked: no image, no shortened conversation. */
function isUnusable(error: unknown): boolean {
  return error instanceof AnswerFailed || (error instanceof GatewayError && error.row.blame === 'upstream');
}

function failureCodeOf(error: unknown, exchange: Exchange): string {
  const reason: unknown = exchange.signal.aborted ? exchange.signal.reason : error;
  if (reason instanceof GatewayError) return reason.code;
  if (reason instanceof RefusedByProvider) return reason.fault.code;
  if (reason instanceof AnswerFailed) return providerFailure(reason.failure, null).code;
  if (reason instanceof StreamIdle) return 'stream_idle_timeout';
  if (reason instanceof SseBlockTooLarge) return 'upstream_response_too_large';
  if (reason instanceof NetworkFault && reason.systemCode === pongDeadline) return pongDeadline;
  if (reason === null || reason instanceof NetworkFault) return 'upstream_stream_error';
  return 'internal_error';
}

/** Policy and routing refusals leave a row; overload, stopping and repeats do not (gateway spec 2.2, 2.3). */
export function refuse(
  exchange: Exchange,
  { parts, refusal }: { parts: Pick<ServingParts, 'records'>; refusal: GatewayError },
): GatewayError {
  if (refusal.row.blame !== 'gateway' && !refusal.row.leavesNoRow)
    parts.records.reject(exchange, { refusal, responseStatus: statusOfRefusal(refusal, exchange) });
  return refusal;
}
