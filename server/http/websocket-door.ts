/** Where a connection becomes a websocket: the one place of the server that knows the library for it. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ClientSocket } from '../gateway/carriers/client-socket.ts';
import type { ClientSession } from '../gateway/sockets/client-sessions.ts';

export interface Handshake {
  readonly request: IncomingMessage;
  readonly connection: Duplex;
  /** What came behind the head already. */
  readonly head: Buffer;
  /** Of the answer to the handshake. */
  readonly headers: Readonly<Record<string, string>>;
  /** Larger messages, once unpacked, close the socket with 1009. */
  readonly maxMessageBytes: number;
  /** Whether messages are packed where the client offers it. */
  readonly packsFrames: boolean;
  /** The session of a socket that is open. */
  readonly open: (socket: ClientSocket) => ClientSession;
}

export interface WebsocketDoor {
  /** Answers 101, or what the library says of a handshake that is none. */
  open(handshake: Handshake): void;
}

/** Nothing is kept between messages, so a socket at rest costs no more; the small events of a stream stay as they are. */
const packing = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 1024 };

export function createWebsocketDoor(): WebsocketDoor {
  /** What each handshake under way is answered with. */
  const answers = new WeakMap<IncomingMessage, Handshake['headers']>();
  /** The newest for packed and for plain frames. */
  const newest = new Map<boolean, { readonly server: WebSocketServer; readonly maxMessageBytes: number }>();

  /** A changed limit holds for sockets opened after it. */
  function serverFor({ packsFrames, maxMessageBytes }: Handshake): WebSocketServer {
    const known = newest.get(packsFrames);
    if (known?.maxMessageBytes === maxMessageBytes) return known.server;
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: packsFrames && packing,
      maxPayload: maxMessageBytes,
    });
    server.on('headers', (lines, request) => {
      for (const [name, value] of Object.entries(answers.get(request) ?? {})) lines.push(`${name}: ${value}`);
    });
    newest.set(packsFrames, { server, maxMessageBytes });
    return server;
  }

  return {
    open(handshake) {
      const { request, connection, head, headers } = handshake;
      answers.set(request, headers);
      serverFor(handshake).handleUpgrade(request, connection, head, (socket) => connect(socket, handshake));
    },
  };
}

/** Of a ping or pong on the wire, beside what it holds: two bytes and the mask. */
const controlHeadBytes = 6;

function connect(socket: WebSocket, { request, connection, open }: Handshake): void {
  const session = open({
    send: (frame) => new Promise((resolve) => socket.send(frame, { binary: false }, () => resolve())),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    get receivedBytes() {
      return request.socket.bytesRead;
    },
    ping(payload) {
      // On a socket that is being closed it would only count as unsent.
      if (socket.readyState === socket.OPEN) socket.ping(payload);
    },
    close: ({ code, reason }) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  });
  // After a protocol error the library closes the socket by itself with the fitting code, and `close` follows.
  socket.on('error', () => undefined);
  socket.on('message', (content, isBinary) => session.frame(bytesOf(content), { isBinary }));
  socket.on('ping', (payload) => {
    session.passed(payload.length + controlHeadBytes);
    session.ping();
  });
  socket.on('pong', (payload) => {
    session.passed(payload.length + controlHeadBytes);
    session.pong(payload);
  });
  // Before the library keeps it: a message may be large, and is told only when it is whole.
  connection.prependListener('data', (piece: Buffer) => {
    if (!session.arrived(piece.length)) throwAway(connection);
  });
  socket.once('close', (code) => session.closed(code));
}

/** The rest is read and forgotten, so that its client can read what it was told before the end. */
function throwAway(connection: Duplex): void {
  connection.removeAllListeners('data');
  connection.resume();
}

function bytesOf(content: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(content)) return content;
  return Array.isArray(content) ? Buffer.concat(content) : Buffer.from(content);
}
