/** Waiting for a client to take what it is sent, and for no longer than anybody would. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../world/world.ts';
import type { Exchange } from '../exchange.ts';

export interface ResponseOptions {
  readonly response: ServerResponse;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

/** Once nobody is to be waited for any more, what is left has this long to reach the client. */
const lastBytesMs = 1_000;

/**
 * Ends the response and waits until its bytes are handed to the system. A client that does not take them in the time a
 * silent provider has is cut off, and at once when the gateway stops: it would hold its seat, and the stop, for ever.
 */
export function endResponse({ response, exchange, clock }: ResponseOptions): Promise<void> {
  if (response.destroyed || response.writableFinished) return Promise.resolve();
  const { signal, settings } = exchange;
  return new Promise((resolve) => {
    const cutOffAfter = (ms: number) => clock.timer(ms, () => response.destroy());
    let limit = cutOffAfter(settings['gateway.stream_idle_timeout_ms']);
    const hurry = () => {
      limit.stop();
      limit = cutOffAfter(lastBytesMs);
    };
    const finish = () => {
      limit.stop();
      signal.removeEventListener('abort', hurry);
      resolve();
    };
    response.once('close', finish);
    response.end(finish);
    if (signal.aborted) hurry();
    else signal.addEventListener('abort', hurry, { once: true });
  });
}

/**
 * Waits for a slow reader. One that reads nothing for as long as a silent provider may be silent is taken as gone:
 * otherwise it would hold its seat for ever.
 */
export function drained({ response, exchange, clock }: ResponseOptions): Promise<void> {
  const { signal, settings } = exchange;
  return new Promise((resolve, reject) => {
    const stalled = clock.timer(settings['gateway.stream_idle_timeout_ms'], () => response.destroy());
    const finish = () => {
      stalled.stop();
      response.off('drain', go);
      signal.removeEventListener('abort', leave);
    };
    const go = () => {
      finish();
      resolve();
    };
    const leave = () => {
      finish();
      reject(signal.reason as Error);
    };
    response.once('drain', go);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}
