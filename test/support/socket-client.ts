/** A Codex client on a websocket of its own: exact frames out, exact frames back, and the code it was closed with. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { codexBody, type CodexAsk } from './codex-request.ts';

export type Frame = Readonly<Record<string, unknown>>;

export interface SocketClient {
  readonly socket: WebSocket;
  /** Headers of the answer to the handshake. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Sends a turn with texts of our own; returns the frame's text. */
  turn(ask?: TurnAsk): string;
  send(frame: string | Buffer, options?: { binary?: boolean }): void;
  /** The next frame; rejects when the socket closes first. */
  next(): Promise<Frame>;
  /** Frames up to and with the next one of these types. */
  until(...types: string[]): Promise<Frame[]>;
  /** Frames up to the end of an answer, or an error. */
  answer(): Promise<Frame[]>;
  /** The code of the close, and its reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Every frame so far, as it came. */
  readonly received: readonly Buffer[];
  /** Bytes that came over the connection. */
  bytesRead(): number;
  /** Drops the connection without a word, as Codex does when it exits. */
  leave(): void;
}

export interface TurnAsk extends CodexAsk {
  /** Members beside those of an HTTP body. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface SocketOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly thread?: string;
  /** false plays a connection that was cut without a word; true when absent. */
  readonly answersPings?: boolean;
  /** Whether it offers to pack frames, as Codex does; true when absent. */
  readonly offersPacking?: boolean;
}

/** @throws {HandshakeRefused} with the answer when there is no 101. */
export async function openSocket(
  target: { url: string },
  key: string | null,
  {
    path = '/backend-api/codex/responses',
    headers = {},
    thread = 'thread-1',
    answersPings = true,
    offersPacking = true,
  }: SocketOptions = {},
): Promise<SocketClient> {
  const socket = new WebSocket(target.url.replace('http', 'ws') + path, {
    perMessageDeflate: offersPacking,
    autoPong: answersPings,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      originator: 'codex_exec',
      'user-agent': 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)',
      'openai-beta': 'responses_websockets=2026-02-06',
      'session-id': thread,
      'thread-id': thread,
      ...headers,
    },
  });
  const client = follow(socket);
  socket.once('upgrade', (response) => {
    Object.assign(client.headers, response.headers);
    client.bytesRead = () => response.socket.bytesRead;
  });
  await Promise.race([once(socket, 'open'), refusal(socket)]);
  return client;
}

interface HandshakeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

class HandshakeRefused extends Error {
  readonly answer: HandshakeAnswer;

  constructor(answer: HandshakeAnswer) {
    super(`the handshake was refused with ${answer.status}`);
    this.answer = answer;
  }
}

/** What a handshake is answered with instead of a websocket. */
export async function handshakeRefusal(
  target: { url: string },
  key: string | null,
  options?: SocketOptions,
): Promise<HandshakeAnswer> {
  try {
    (await openSocket(target, key, options)).leave();
  } catch (error) {
    if (error instanceof HandshakeRefused) return error.answer;
    throw error;
  }
  throw new Error('the handshake was not refused');
}

function refusal(socket: WebSocket): Promise<never> {
  return new Promise((_resolve, reject) => {
    socket.once('unexpected-response', (_request, response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        reject(new HandshakeRefused({ status: statusCode, headers, body: Buffer.concat(pieces).toString('utf8') }));
      });
    });
  });
}

function follow(socket: WebSocket): SocketClient {
  const received: Buffer[] = [];
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  let isClosed = false;
  let seen = 0;
  let wake = () => {};
  const client: SocketClient = {
    socket,
    headers: {},
    bytesRead: () => 0,
    received,
    closed: closed.promise,
    send: (frame, { binary = false } = {}) => socket.send(frame, { binary }),
    turn(ask = {}) {
      const { type = 'response.create', ...extra } = ask.extra ?? {};
      const body = ask.body?.toString() ?? codexBody(ask);
      const rest = { ...(JSON.parse(body) as object), ...extra };
      const text = JSON.stringify({ type, ...rest });
      socket.send(text);
      return text;
    },
    async next() {
      while (seen >= received.length) {
        if (isClosed) throw new Error(`the socket closed: ${JSON.stringify(await closed.promise)}`);
        await new Promise<void>((resolve) => void (wake = resolve));
      }
      seen += 1;
      return JSON.parse(received[seen - 1]!.toString('utf8')) as Frame;
    },
    async until(...types) {
      const frames: Frame[] = [];
      for (;;) {
        const frame = await client.next();
        frames.push(frame);
        if (types.includes(String(frame['type']))) return frames;
      }
    },
    answer: () => client.until('response.completed', 'response.incomplete', 'response.failed', 'error'),
    leave: () => socket.terminate(),
  };
  socket.on('message', (content: Buffer) => {
    received.push(content);
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', (code, reason) => {
    isClosed = true;
    closed.resolve({ code, reason: reason.toString('utf8') });
    wake();
  });
  return client;
}
