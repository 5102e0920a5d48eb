/** Reads an answer for a client of another dialect, event by event, whatever carries it there. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { NetworkFault } from '../../world/world.ts';
import type { Answer } from '../attempt/answer.ts';
import type { AnswerRendering } from '../dialects/dialect.ts';
import type { Exchange } from '../exchange.ts';
import type { ObservedBlock } from '../stream/observe-answer.ts';
import { dataOf, parseEvent } from '../stream/read-block.ts';
import { SseBlockTooLarge } from '../stream/sse-blocks.ts';
import { StreamIdle } from '../stream/upstream-stream.ts';

interface Following {
  readonly exchange: Pick<Exchange, 'signal'>;
  readonly rendering: Pick<AnswerRendering, 'ending'>;
  /** Renders these events, and sends what becomes of them. */
  readonly take: (events: readonly Record<string, unknown>[]) => Promise<void> | void;
}

/** The provider ended its answer as a failure: its own error object, for the surface to render where nothing was told. */
export class AnswerFailed extends Error {
  readonly failure: Record<string, unknown>;

  constructor(failure: Record<string, unknown>) {
    super('the answer failed');
    this.name = 'AnswerFailed';
    this.failure = failure;
  }
}

/** Follows an answer to its end. @throws {GatewayError} `upstream_stream_error` when it breaks off before. */
export async function followAnswer(answer: Answer, { exchange, rendering, take }: Following): Promise<void> {
  for await (const events of eventsOf(answer)) {
    exchange.signal.throwIfAborted();
    await take(events);
    if (rendering.ending !== null) return;
  }
  exchange.signal.throwIfAborted();
  throw new GatewayError('upstream_stream_error');
}

/** The provider's events in groups as they arrive. A plain JSON answer is its own end. */
async function* eventsOf(answer: Answer): AsyncGenerator<readonly Record<string, unknown>[]> {
  if (answer.kind === 'whole') {
    const response = JSON.parse(answer.body.toString('utf8')) as unknown;
    yield [{ type: 'response.completed', response }];
    return;
  }
  for await (const blocks of answer.stream.blocks()) yield blocks.map(eventOf).filter((event) => event !== null);
}

function eventOf({ type, bytes, event }: ObservedBlock): Record<string, unknown> | null {
  if (event) return event;
  const data = type === null ? null : dataOf(bytes);
  return data && parseEvent(data);
}

/** How an answer failed by the provider's word. */
export function answerFailed({ failure }: Pick<AnswerRendering, 'failure'>): AnswerFailed {
  return new AnswerFailed({ ...failure });
}

/** Why an answer broke off, in words that a client can be told. Whoever ends a call breaks its connection as well. */
export function reasonOf(error: unknown, { signal }: Pick<Exchange, 'signal'>): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof StreamIdle) return new GatewayError('stream_idle_timeout', { cause: error });
  if (error instanceof SseBlockTooLarge) return new GatewayError('upstream_response_too_large', { cause: error });
  if (error instanceof NetworkFault) return new GatewayError('upstream_stream_error', { cause: error });
  if (error instanceof SyntaxError) return new GatewayError('upstream_stream_error', { cause: error });
  return error;
}
