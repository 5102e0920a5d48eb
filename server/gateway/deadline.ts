/** All attempts together have so long until an answer begins; after that the stream's own limits hold. */
import { GatewayError } from '../contract/gateway-error.ts';
import type { Clock } from '../world/world.ts';
import type { Exchange } from './exchange.ts';

export interface Deadline {
  /**
   * Aborts then with `upstream_timeout`, and with the exchange for the exchange's reason. It keeps forwarding the
   * client's leaving after `stop`: the same signal carries the committed stream.
   */
  readonly signal: AbortSignal;
  remainingMs(): number;
  /** The answer began in time, or never will. */
  stop(): void;
}

export function createDeadline(exchange: Exchange, { clock }: { readonly clock: Clock }): Deadline {
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
    signal: controller.signal,
    remainingMs: () => endsMs - clock.monotonicMs(),
    stop: () => timer.stop(),
  };
}
