/** A database that stalls must not hold a client for longer than an answer may take to begin. */
import { GatewayError } from '../contract/gateway-error.ts';
import { untilAborted } from '../lib/until-aborted.ts';
import type { Exchange } from './exchange.ts';

/**
 * Waits for the database until the exchange's deadline.
 *
 * @param options.signal - Aborts at the deadline, and with the exchange.
 * @throws {GatewayError} `database_unavailable` at the deadline; the exchange signal's reason when that aborts.
 */
export async function untilDeadline<T>(
  work: Promise<T>,
  { exchange, signal }: { exchange: Exchange; signal: AbortSignal },
): Promise<T> {
  try {
    return await untilAborted(work, signal);
  } catch (error) {
    if (!signal.aborted || exchange.signal.aborted || error !== signal.reason) throw error;
    throw new GatewayError('database_unavailable', { retryAfterMs: 2_000 });
  }
}
