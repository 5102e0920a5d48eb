/** How long one answer of `/v1` may take in all, however busy the provider is with it (v1 spec 4.7). */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Clock } from '../../world/world.ts';
import type { Answer } from '../attempt/answer.ts';
import type { Exchange } from '../exchange.ts';
import { reasonOf } from './follow-answer.ts';

export const longestStreamMs = 7_200_000;
export const longestDocumentMs = 600_000;

interface Carrying {
  readonly answer: Answer;
  readonly exchange: Pick<Exchange, 'signal' | 'admittedMs'>;
  readonly clock: Clock;
  readonly longestMs: number;
}

/**
 * Carries an answer, and gives it up when its time is over. Either way the provider is left in the end.
 *
 * @throws why it broke off, in words that a client can be told.
 */
export async function withinTime(
  carry: () => Promise<void>,
  { answer, exchange, clock, longestMs }: Carrying,
): Promise<void> {
  const cancel = () => answer.kind === 'stream' && answer.stream.cancel();
  let isTooLong = false;
  const limit = clock.timer(Math.max(0, exchange.admittedMs + longestMs - clock.monotonicMs()), () => {
    isTooLong = true;
    cancel();
  });
  try {
    await carry();
  } catch (error) {
    throw isTooLong ? new GatewayError('upstream_timeout', { cause: error }) : reasonOf(error, exchange);
  } finally {
    limit.stop();
    if (answer.kind === 'stream') answer.stream.leave();
  }
}
