/**
 * Sends an answer over HTTP, byte for byte, and tells when it is through. The carrier pumps by itself, so settlement
 * happens after the last byte and not when a framework believes the handler is done.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../world/world.ts';
import type { Answer } from '../answer.ts';
import type { Exchange } from '../exchange.ts';
import type { ObservedBlock } from '../stream/observe-answer.ts';
import type { Carrier } from './carrier.ts';
import { codexKeepAlive, createKeepAlive } from './keep-alive.ts';

interface SendOptions {
  readonly response: ServerResponse;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

/** Carries one answer over one HTTP response. */
export function createHttpCarrier(options: SendOptions): Carrier {
  return { send: (answer) => sendAnswer(answer, options), end: () => endResponse(options) };
}

async function sendAnswer(answer: Answer, options: SendOptions): Promise<void> {
  const { response, exchange, clock } = options;
  exchange.isCommitted = true;
  exchange.responseStatus = answer.status;
  exchange.firstByteMs = clock.monotonicMs() - exchange.admittedMs;
  if (answer.kind === 'whole') return sendWhole(answer, options);
  response.writeHead(answer.status, answer.headers);
  const keepAlive = createKeepAlive({
    clock,
    everyMs: exchange.settings['gateway.keepalive_ms'],
    write: () => {
      if (!response.writableNeedDrain) response.write(codexKeepAlive);
    },
  });
  try {
    for await (const blocks of answer.stream.blocks()) {
      exchange.signal.throwIfAborted();
      const bytes = joined(blocks);
      exchange.responseBytes += bytes.length;
      if (blocks.some(({ type }) => type !== null)) keepAlive.rest();
      if (!response.write(bytes)) await drained(options);
    }
  } finally {
    keepAlive.stop();
    answer.stream.cancel();
  }
  exchange.signal.throwIfAborted();
}

/** Once nobody is to be waited for any more, what is left has this long to reach the client. */
const lastBytesMs = 1_000;

/**
 * Ends the response and waits until its bytes are handed to the system. A client that does not take them in the time a
 * silent provider has is cut off, and at once when the gateway stops: it would hold its seat, and the stop, for ever.
 */
function endResponse({ response, exchange, clock }: SendOptions): Promise<void> {
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

function sendWhole(answer: Extract<Answer, { kind: 'whole' }>, { response, exchange }: SendOptions): void {
  exchange.responseBytes = answer.body.length;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  response.write(answer.body);
}

function joined(blocks: readonly ObservedBlock[]): Buffer {
  return blocks.length === 1 && blocks[0] ? blocks[0].bytes : Buffer.concat(blocks.map(({ bytes }) => bytes));
}

/**
 * Waits for a slow reader. One that reads nothing for as long as a silent provider may be silent is taken as gone:
 * otherwise it would hold its seat for ever.
 */
function drained({ response, exchange, clock }: SendOptions): Promise<void> {
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
