/** Sends an answer over a websocket: one frame for each event, and a frame of its own for an answer that broke. */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Clock } from '../../world/world.ts';
import type { Answer } from '../attempt/answer.ts';
import { renderErrorFrame } from '../dialects/codex/render-error-frame.ts';
import { renderLimitsEvent } from '../dialects/codex/render-limits-event.ts';
import type { Exchange } from '../exchange.ts';
import { StreamIdle } from '../stream/upstream-stream.ts';
import type { Carrier } from './carrier.ts';
import { handedOver, maxBufferedBytes, type ClientSocket } from './client-socket.ts';
import { frameOfBlock, frameOfWhole, isEnding } from './frame-of-block.ts';
import type { KeepAlive } from './keep-alive.ts';

interface CarrierOptions {
  readonly socket: ClientSocket;
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Of the turn; it has begun already, because a turn may wait long before it has an answer. */
  readonly keepAlive: KeepAlive;
}

/** Carries one turn; the socket lives on. */
export function createWebsocketCarrier({ socket, exchange, clock, keepAlive }: CarrierOptions): Carrier {
  let hasEnded = false;
  let broken: unknown = null;
  let sent: Promise<void> = Promise.resolve();

  function send(frame: Buffer): void {
    exchange.responseBytes += frame.length;
    sent = socket.send(frame);
  }

  async function sendStream({ stream, isContinuable }: Extract<Answer, { kind: 'stream' }>): Promise<void> {
    try {
      for await (const blocks of stream.blocks()) {
        exchange.signal.throwIfAborted();
        for (const block of blocks) {
          const frame = hasEnded ? null : frameOfBlock(block, { isContinuable });
          if (!frame) continue;
          keepAlive.rest();
          hasEnded = isEnding(block);
          send(frame);
        }
        // The next turn waits for this one, and what may follow is nothing for the client.
        if (stream.observer.terminal !== null) return;
        if (socket.bufferedBytes > maxBufferedBytes) await handedOver({ sent, socket, exchange, clock });
      }
      exchange.signal.throwIfAborted();
    } catch (error) {
      broken = error;
      throw error;
    } finally {
      stream.leave();
    }
  }

  return {
    async send(answer) {
      exchange.isCommitted = true;
      exchange.responseStatus = answer.status;
      exchange.firstByteMs = clock.monotonicMs() - exchange.admittedMs;
      // Over a websocket the provider says all this by frames of its own.
      if (answer.kind === 'stream' && answer.isContinuable) return sendStream(answer);
      const turnState = answer.headers['x-codex-turn-state'];
      if (turnState !== undefined) send(turnStateFrame(turnState));
      const limits = renderLimitsEvent(answer.headers, clock.now());
      if (limits) send(limits);
      if (answer.kind === 'stream') return sendStream(answer);
      const whole = frameOfWhole(answer.body);
      if (!whole) throw new GatewayError('upstream_stream_error');
      hasEnded = true;
      send(whole);
    },
    async end() {
      keepAlive.stop();
      if (!hasEnded) send(renderErrorFrame(endOf(exchange.signal.aborted ? exchange.signal.reason : broken)));
      hasEnded = true;
      await handedOver({ sent, socket, exchange, clock });
    },
  };
}

/** The one form in which clients take turn state over a websocket (wire spec A7.4). */
function turnStateFrame(turnState: string): Buffer {
  const headers = { 'x-codex-turn-state': turnState };
  return Buffer.from(JSON.stringify({ type: 'response.metadata', headers }));
}

/** What a client is told of an answer that was not complete: it asks again. */
function endOf(broken: unknown): GatewayError {
  if (broken instanceof GatewayError) return broken;
  return new GatewayError(broken instanceof StreamIdle ? 'stream_idle_timeout' : 'upstream_stream_error');
}
