/** Websockets to the provider. The only place that opens one, with `ws`. */
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { headerMap, httpAnswer } from './http-answer.ts';
import { networkFault } from './network-fault.ts';
import type { Websocket, WebsocketCall, WebsocketListener, WebsocketOpening } from './world.ts';

/** The longest message that is read; what Codex itself takes (wire spec A7.3). */
const maxMessageBytes = 64 * 2 ** 20;

export interface Websockets {
  open(call: WebsocketCall): Promise<WebsocketOpening>;
  /** Ends every socket that is left. */
  stop(): void;
}

export function createWebsockets(): Websockets {
  const sockets = new Set<WebSocket>();

  function open({ url, headers, signal, listener }: WebsocketCall): Promise<WebsocketOpening> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(networkFault(signal.reason, signal));
      const socket = new WebSocket(url, {
        headers: Object.fromEntries(headers),
        maxPayload: maxMessageBytes,
        perMessageDeflate: false,
        followRedirects: false,
      });
      sockets.add(socket);
      let handshake: IncomingMessage | null = null;
      const abort = () => socket.terminate();
      signal.addEventListener('abort', abort, { once: true });
      const settle = () => signal.removeEventListener('abort', abort);
      socket.on('upgrade', (message) => (handshake = message));
      socket.on('unexpected-response', (_request, message: IncomingMessage) => {
        settle();
        sockets.delete(socket);
        signal.addEventListener('abort', () => message.destroy(), { once: true });
        const status = message.statusCode ?? 0;
        resolve({ kind: 'refused', answer: httpAnswer(message, { status, headers: message.headers, signal }) });
      });
      // After the opening the close that follows says it all.
      socket.on('error', (error) => {
        settle();
        reject(networkFault(error, signal));
      });
      socket.on('open', () => {
        settle();
        resolve({ kind: 'open', socket: websocketOf(socket, handshake) });
      });
      socket.on('close', (code) => {
        sockets.delete(socket);
        listener.closed(code);
      });
      tell(socket, listener);
    });
  }

  return { open, stop: () => sockets.forEach((socket) => socket.terminate()) };
}

function tell(socket: WebSocket, listener: WebsocketListener): void {
  socket.on('message', (message, isBinary) => {
    if (isBinary) listener.binary();
    else listener.text(message as Buffer);
  });
  socket.on('ping', () => listener.ping());
  socket.on('pong', (payload) => listener.pong(payload));
}

function websocketOf(socket: WebSocket, handshake: IncomingMessage | null): Websocket {
  const isOpen = () => socket.readyState === WebSocket.OPEN;
  return {
    headers: headerMap(handshake?.headers ?? {}),
    get unsentBytes() {
      return socket.bufferedAmount;
    },
    get receivedBytes() {
      return handshake?.socket.bytesRead ?? 0;
    },
    // What cannot be sent any more is told by the close.
    send: (message) => socket.send(message, { binary: false }, () => undefined),
    ping(payload) {
      if (isOpen()) socket.ping(payload);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: (code) => socket.close(code),
    destroy: () => socket.terminate(),
  };
}
