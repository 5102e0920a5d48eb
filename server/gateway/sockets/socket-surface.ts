/** What the websockets of all surfaces have in common, and what each surface says of its own. */
import type { IncomingMessage } from 'node:http';
import type { Client } from '../../api-keys/key-book.ts';
import type { GatewayError } from '../../contract/gateway-error.ts';
import type { SocketMemory } from './answer-memory.ts';
import type { ClientSocket } from '../carriers/client-socket.ts';
import type { FrameEvent, Turn } from '../carriers/websocket-session.ts';
import type { GatewayParts } from '../gateway-parts.ts';

/** What a handshake tells of its client. */
export interface Handshake {
  readonly request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>;
  readonly clientAddress: string | null;
}

/** What a socket brings to each of its turns. */
export interface SocketFacts extends Handshake {
  readonly socket: ClientSocket;
  /** Its name among all connections. */
  readonly connection: string;
  readonly route: SocketRoute;
  /** What its client may go on from. */
  readonly memory: SocketMemory;
}

export interface TurnStart extends SocketFacts, Omit<Turn, 'number'> {
  readonly requestId: string;
  readonly client: Client;
  readonly signal: AbortSignal;
  /**
   * The turn takes so many bytes of memory, all in all, until it ends.
   *
   * @throws {GatewayError} `server_is_overloaded` where there is no room
   */
  readonly hold: (bytes: number) => void;
}

export interface SocketSurface {
  /**
   * The client as its key is now.
   *
   * @throws {GatewayError} when it may not ask.
   */
  readonly recognise: (handshake: Handshake, parts: Pick<GatewayParts, 'keys' | 'pools'>) => Client;
  /** Headers of the answer to a handshake. */
  readonly greet: (handshake: Handshake, context: { client: Client; parts: GatewayParts }) => Record<string, string>;
  /** What a frame asks of its session; null where nothing is to be done. */
  readonly readFrame: (frame: Buffer) => FrameEvent | null;
  /**
   * Serves one turn, to the last frame of its answer. Never rejects: an error that is left becomes a frame.
   *
   * @returns the code of what the client was told instead of an answer; null when there was one, or nobody to tell.
   */
  readonly serve: (turn: TurnStart, parts: GatewayParts) => Promise<string | null>;
  /** Frames are packed where the client offers it. */
  readonly packsFrames: boolean;
  /** A socket that closes because the gateway stops says so in a frame first. */
  readonly tellsOfStop: boolean;
  readonly renderError: (error: GatewayError, told: { streamId: string | null; now: Date }) => Buffer;
}

/** A path on which a websocket may be asked for. */
export interface SocketRoute {
  readonly path: string;
  readonly surface: SocketSurface;
}
