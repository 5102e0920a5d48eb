/** A client's websocket as the data path sees it; the one that is real lives in `http/websocket-door.ts`. */
import type { Clock } from '../../world/world.ts';
import type { Exchange } from '../exchange.ts';
import type { Closing } from './close-codes.ts';

export interface ClientSocket {
  /** Sends one text frame. Resolves once it is handed to the system, and also when the socket is gone. Never rejects. */
  send(frame: Buffer): Promise<void>;
  /** Bytes that were sent and not handed over yet. */
  readonly bufferedBytes: number;
  /** Bytes that came over the connection, those of half a message too. */
  readonly receivedBytes: number;
  ping(payload: Buffer): void;
  close(closing: Closing): void;
  /** Ends the connection without another word. */
  terminate(): void;
}

/** What may wait in memory for a slow reader before the provider is made to wait as well. */
export const maxBufferedBytes = 256 * 1024;

interface HandOver {
  readonly sent: Promise<void>;
  readonly socket: ClientSocket;
  readonly exchange: Pick<Exchange, 'signal' | 'settings'>;
  readonly clock: Clock;
}

/** Once nobody is to be waited for any more, what is left has this long to reach the client. */
const lastBytesMs = 1_000;

/**
 * Waits until what was sent is handed over. A client that takes nothing for as long as a silent provider may be silent
 * is taken as gone, and sooner when the turn is to end: it would hold its seat, and a stop of the gateway, for ever.
 */
export async function handedOver({ sent, socket, exchange, clock }: HandOver): Promise<void> {
  const { signal, settings } = exchange;
  const cutOffAfter = (ms: number) => clock.timer(ms, () => socket.terminate());
  let limit = cutOffAfter(signal.aborted ? lastBytesMs : settings['gateway.stream_idle_timeout_ms']);
  const hurry = () => {
    limit.stop();
    limit = cutOffAfter(lastBytesMs);
  };
  signal.addEventListener('abort', hurry, { once: true });
  await sent;
  signal.removeEventListener('abort', hurry);
  limit.stop();
}
