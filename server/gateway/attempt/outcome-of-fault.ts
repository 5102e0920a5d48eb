/**
 * What the end of an attempt says about the health of its circuit, as closed tables: every fault and every way an answer
 * can end is `success`, `failure` or `neutral`. Neutral means that somebody else is to blame (the request, the client,
 * the machine, the provider as a whole) or that another rule keeps the account out already.
 */
import type { HealthOutcome } from '../../accounts/circuit.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { NetworkFault } from '../../world/world.ts';
import type { Fault, FaultKind } from './faults.ts';
import { judgeLateFailure } from './judge-response.ts';
import { ClientLeft } from '../running-exchanges.ts';
import type { Terminal } from '../stream/observe-answer.ts';
import { SseBlockTooLarge } from '../stream/sse-blocks.ts';
import { StreamIdle } from '../stream/upstream-stream.ts';

/** Gateway spec 6, with the corrections of its 7 and 16.3 and of demand spec 2.3 (5 to 7, 20). */
const outcomeByKind = {
  connect_failed: 'failure',
  connection_lost: 'failure',
  answer_timeout: 'failure',
  rate_limited: 'failure',
  token_rejected: 'failure',
  provider_failed: 'failure',
  // No call was made; the cool-down of the token keeps the account out.
  token_unavailable: 'neutral',
  // The state of the account keeps it out.
  account_dead: 'neutral',
  // The reset time of the limit keeps it out, however often it would be tried.
  usage_exhausted: 'neutral',
  // Only the model is out, on this account (`model-refusals.ts`).
  plan_lacks_feature: 'neutral',
  model_unavailable: 'neutral',
  // The edge refuses the machine, or leads elsewhere: every account would fare the same.
  edge_blocked: 'neutral',
  redirected: 'neutral',
  // The provider is full, for everybody.
  model_overloaded: 'neutral',
  // The request decides: it would fail on each account in turn and open them all.
  policy_refused: 'neutral',
  request_refused: 'neutral',
  sealed_elsewhere: 'neutral',
  answer_malformed: 'neutral',
  answer_too_large: 'neutral',
} as const satisfies Record<FaultKind, HealthOutcome>;

/**
 * Codes of a failure inside a 200 stream that say nothing about the account although their kind may move the request
 * to another one (gateway spec 6, neutral codes).
 */
const neutralStreamCodes = new Set([
  'server_error',
  'invalid_request',
  'invalid_previous_response_id',
  'missing_required_parameter',
  'unsupported_parameter',
  'unsupported_value',
  'unsupported_input_image_format',
  // The websocket had its hour (wire spec B13).
  'websocket_connection_limit_reached',
]);

/** @example outcomeOfFault(judgeRefusal({ status: 500, headers, body }, now)) // 'failure' */
export function outcomeOfFault({ kind, upstreamStatus, code }: Fault): HealthOutcome {
  const isInStream = upstreamStatus === 200;
  return isInStream && neutralStreamCodes.has(code) ? 'neutral' : outcomeByKind[kind];
}

/** Every way an attempt can end other than by a fault before its answer. */
const outcomeByEnding = {
  answered: 'success',
  connection_lost: 'failure',
  went_silent: 'failure',
  /** All attempts together used up their time while this one ran. */
  timed_out: 'failure',
  /** The provider ended the stream in order, but without saying that the answer is over (gateway spec 7.1). */
  ended_early: 'neutral',
  event_too_large: 'neutral',
  client_left: 'neutral',
  /** The gateway stops, refused or broke. */
  gateway_gave_up: 'neutral',
} as const satisfies Record<string, HealthOutcome>;

export type AttemptEnding = keyof typeof outcomeByEnding;

export interface EndingFacts {
  /** The last event of a stream; `completed` for a whole body that was read; null when neither came. */
  readonly terminal: Terminal | null;
  /** The provider's code when the terminal event says that the answer failed. */
  readonly failureCode: string | null;
  /** What was thrown while the answer was sent on; null when nothing was. */
  readonly error: unknown;
  /** Why the exchange was aborted; null when it was not. */
  readonly abortReason: unknown;
  readonly now: Date;
}

/** A terminal event decides, whatever happens to the connection or the client afterwards (gateway spec 7.1). */
export function outcomeOfEnding(facts: EndingFacts): HealthOutcome {
  const fault = faultOfEnding(facts);
  if (fault) return outcomeOfFault(fault);
  return outcomeByEnding[facts.terminal === null ? endingOf(facts) : 'answered'];
}

/** The fault that the terminal event names; null when it names none or there is none. */
export function faultOfEnding({ terminal, failureCode, now }: EndingFacts): Fault | null {
  return terminal === 'failed' ? judgeLateFailure({ error: { code: failureCode } }, now) : null;
}

/** How an attempt ended that no terminal event closed. */
export function endingOf({ error, abortReason }: Pick<EndingFacts, 'error' | 'abortReason'>): AttemptEnding {
  const reason = abortReason ?? error;
  if (reason instanceof ClientLeft) return 'client_left';
  if (reason instanceof GatewayError) return reason.code === 'upstream_timeout' ? 'timed_out' : 'gateway_gave_up';
  if (reason instanceof StreamIdle) return 'went_silent';
  if (reason instanceof SseBlockTooLarge) return 'event_too_large';
  // Our own signal ended the call: what broke off was not the provider.
  if (reason instanceof NetworkFault) return reason.kind === 'aborted' ? 'gateway_gave_up' : 'connection_lost';
  return reason === null || reason === undefined ? 'ended_early' : 'gateway_gave_up';
}
