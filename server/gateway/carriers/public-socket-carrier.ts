/** Carries an answer to a client of another dialect over a websocket: its own events, one in each frame. */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Clock } from '../../world/world.ts';
import type { Answer } from '../attempt/answer.ts';
import type { AnswerRendering } from '../dialects/dialect.ts';
import { saidOf } from '../dialects/openai/render-error.ts';
import type { Frames } from '../dialects/openai-responses/render-frames.ts';
import type { Exchange } from '../exchange.ts';
import type { Carrier } from './carrier.ts';
import { handedOver, maxBufferedBytes, type ClientSocket } from './client-socket.ts';
import { answerFailed, followAnswer } from './follow-answer.ts';
import { longestStreamMs, withinTime } from './within-time.ts';

interface CarrierOptions {
  readonly socket: ClientSocket;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly rendering: AnswerRendering<Frames>;
}

/** Carries one turn; the socket lives on. */
export function createPublicSocketCarrier({ socket, exchange, clock, rendering }: CarrierOptions): Carrier {
  let broken: unknown = null;
  let sent: Promise<void> = Promise.resolve();

  function send(frame: Buffer): void {
    exchange.isCommitted = true;
    exchange.responseStatus = 200;
    exchange.firstByteMs ??= clock.monotonicMs() - exchange.admittedMs;
    exchange.responseBytes += frame.length;
    sent = socket.send(frame);
  }

  async function sendAll(answer: Answer): Promise<void> {
    await followAnswer(answer, {
      exchange,
      rendering,
      async take(events) {
        const frames = events.flatMap((event) => rendering.push(event));
        // Nothing was said yet, so what failed is told with its status.
        if (rendering.ending === 'failed' && !exchange.isCommitted) throw answerFailed(rendering);
        for (const frame of frames) send(frame);
        if (socket.bufferedBytes > maxBufferedBytes) await handedOver({ sent, socket, exchange, clock });
      },
    });
    if (rendering.ending === 'failed') throw answerFailed(rendering);
  }

  return {
    async send(answer) {
      try {
        await withinTime(() => sendAll(answer), { answer, exchange, clock, longestMs: longestStreamMs });
      } catch (error) {
        broken = error;
        throw error;
      }
    },
    async end() {
      if (broken !== null) {
        const known = broken instanceof GatewayError ? broken : new GatewayError('upstream_stream_error');
        for (const frame of rendering.breakOff(saidOf(known, clock.now()))) send(frame);
      }
      await handedOver({ sent, socket, exchange, clock });
    },
  };
}
