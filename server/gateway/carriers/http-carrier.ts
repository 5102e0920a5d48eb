/**
 * Sends an answer over HTTP, byte for byte, and tells when it is through. The carrier pumps by itself, so settlement
 * happens after the last byte and not when a framework believes the handler is done.
 */
import type { Answer } from '../attempt/answer.ts';
import type { ObservedBlock } from '../stream/observe-answer.ts';
import type { Carrier } from './carrier.ts';
import { drained, endResponse, type ResponseOptions } from './end-response.ts';
import { codexKeepAlive, createKeepAlive } from './keep-alive.ts';

/** Carries one answer over one HTTP response. */
export function createHttpCarrier(options: ResponseOptions): Carrier {
  return { send: (answer) => sendAnswer(answer, options), end: () => endResponse(options) };
}

async function sendAnswer(answer: Answer, options: ResponseOptions): Promise<void> {
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

function sendWhole(answer: Extract<Answer, { kind: 'whole' }>, { response, exchange }: ResponseOptions): void {
  exchange.responseBytes = answer.body.length;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  response.write(answer.body);
}

function joined(blocks: readonly ObservedBlock[]): Buffer {
  return blocks.length === 1 && blocks[0] ? blocks[0].bytes : Buffer.concat(blocks.map(({ bytes }) => bytes));
}
