/**
 * Carries an answer to a client of another dialect: as a stream of its own events, or collected into one document. The
 * status is held back until something can be said, so that a failure at the start is a real HTTP error (v1 spec 4.2).
 */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Answer } from '../attempt/answer.ts';
import type { AnswerRendering } from '../dialects/dialect.ts';
import { saidOf } from '../dialects/openai/render-error.ts';
import type { Carrier } from './carrier.ts';
import { drained, endResponse, type ResponseOptions } from './end-response.ts';
import { answerFailed, followAnswer } from './follow-answer.ts';
import { createKeepAlive, type KeepAlive } from './keep-alive.ts';
import { longestDocumentMs, longestStreamMs, withinTime } from './within-time.ts';

export interface PublicCarrierOptions extends ResponseOptions {
  readonly rendering: AnswerRendering;
  readonly wantsStream: boolean;
}

/** So long the status is held back; then the client is told that it is being served (v1 spec D16). */
const holdStatusMs = 2_000;
/** Comments keep these clients waiting; proxies between cut silent connections after 30 s or more. */
const commentMs = 10_000;
const comment = ': keepalive\n\n';

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export function createPublicCarrier(options: PublicCarrierOptions): Carrier {
  const { response, exchange, clock, rendering, wantsStream } = options;
  let keepAlive: KeepAlive | null = null;
  let broken: unknown = null;
  const hold = wantsStream ? clock.timer(holdStatusMs, () => open()) : null;

  function open(): void {
    hold?.stop();
    if (keepAlive !== null || response.headersSent || response.destroyed) return;
    exchange.responseStatus = 200;
    response.writeHead(200, { ...streamHeaders, 'x-request-id': exchange.id });
    const write = () => {
      if (!response.writableNeedDrain && !response.writableEnded) response.write(comment);
    };
    keepAlive = createKeepAlive({ clock, everyMs: commentMs, write });
    response.flushHeaders();
  }

  async function write(text: string): Promise<void> {
    if (text === '') return;
    open();
    exchange.firstByteMs ??= clock.monotonicMs() - exchange.admittedMs;
    exchange.responseBytes += Buffer.byteLength(text);
    keepAlive?.rest();
    if (!response.write(text)) await drained(options);
  }

  async function stream(answer: Answer): Promise<void> {
    await followAnswer(answer, {
      exchange,
      rendering,
      async take(events) {
        const text = events.map((event) => rendering.push(event)).join('');
        if (rendering.ending === 'failed' && !exchange.isCommitted && !response.headersSent)
          throw answerFailed(rendering);
        if (text !== '') exchange.isCommitted = true;
        await write(text);
      },
    });
    // Told already; records are to know it, whatever the provider called its end.
    if (rendering.ending === 'failed') throw answerFailed(rendering);
  }

  async function collect(answer: Answer): Promise<void> {
    await followAnswer(answer, {
      exchange,
      rendering,
      take: (events) => {
        for (const event of events) rendering.push(event);
      },
    });
    exchange.signal.throwIfAborted();
    if (rendering.ending === 'failed') throw answerFailed(rendering);
    const body = Buffer.from(JSON.stringify(rendering.document()));
    exchange.isCommitted = true;
    exchange.responseStatus = 200;
    exchange.responseBytes = body.length;
    exchange.firstByteMs = clock.monotonicMs() - exchange.admittedMs;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      'x-request-id': exchange.id,
    });
    response.write(body);
  }

  async function send(answer: Answer): Promise<void> {
    const longestMs = wantsStream ? longestStreamMs : longestDocumentMs;
    const carry = () => (wantsStream ? stream(answer) : collect(answer));
    try {
      await withinTime(carry, { answer, exchange, clock, longestMs });
    } catch (error) {
      broken = error;
      throw error;
    }
  }

  async function end(): Promise<void> {
    if (broken !== null) await fail(broken);
    close();
    await endResponse(options);
  }

  function close(): void {
    hold?.stop();
    keepAlive?.stop();
  }

  async function fail(error: unknown): Promise<boolean> {
    close();
    if (!response.headersSent) return false;
    if (!wantsStream || response.destroyed || response.writableEnded) return true;
    const known = error instanceof GatewayError ? error : new GatewayError('upstream_stream_error');
    const text = rendering.breakOff(saidOf(known, clock.now()));
    if (text !== '') response.write(text);
    return true;
  }

  return { send, end, fail };
}
