/**
 * The outside as the program sees it: time, chance, network and log. Everything a part cannot decide by itself
 * comes in through these interfaces, so a test can move the clock and replay chance. Only `server/world/` may touch
 * `Date.now`, timers, `Math.random` or the global fetch.
 */

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly network: Network;
  /** How much memory this machine has for us and everything else, a container's limit counting as the machine's. */
  readonly memoryBytes: number;
}

export interface Clock {
  /** Wall-clock time, for records and for comparing with instants the provider names. */
  now(): Date;
  /** Milliseconds that never jump, for durations and deadlines. The zero point means nothing. */
  monotonicMs(): number;
  /** True where `monotonicMs` goes on while the machine sleeps; absent where it stands still. */
  readonly countsSleep?: boolean;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets everything that is ready go first: long work stops for it, so that nobody waits for the whole of it. */
  turn(): Promise<void>;
  /** Calls `fire` once after `ms`, unless stopped. Never keeps the process alive by itself. */
  timer(ms: number, fire: () => void): Timer;
}

export interface Timer {
  /** Starts the full wait again. Cheap: called for every forwarded piece of a stream. */
  restart(): void;
  stop(): void;
}

export interface Random {
  bytes(count: number): Buffer;
  /** A random UUID (version 4). */
  id(): string;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Field names and value kinds that may be logged are listed in `observe/log-fields.ts`; anything else is dropped. */
export type LogFacts = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(event: string, facts?: LogFacts): void;
  info(event: string, facts?: LogFacts): void;
  warn(event: string, facts?: LogFacts): void;
  error(event: string, facts?: LogFacts): void;
}

/** What a call is for; decides which connection pool and limits it uses. */
export type CallPurpose = 'inference' | 'account' | 'auth' | 'storage';

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  /** Sent as given, in this order. Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer | string;
  /** Aborting ends the call at once, also while the answer's body is being read. */
  readonly signal: AbortSignal;
  /** How long the provider may take until its status line has arrived. */
  readonly headersMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; repeated headers are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body as it arrives, content encodings undone. Must be read to its end or cancelled. */
  readonly body: AsyncIterable<Buffer>;
  /** Gives the body up and frees its connection. Idempotent. */
  cancel(): void;
}

export interface WebsocketCall {
  /** `http:` and `https:` name the same place as `ws:` and `wss:`. */
  readonly url: string;
  /** Sent as given, in this order, before those of the handshake itself. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Aborting ends the handshake; an open socket is ended by itself. */
  readonly signal: AbortSignal;
  /** Told of everything from the first frame on. */
  readonly listener: WebsocketListener;
}

export interface WebsocketListener {
  /** A whole text message. */
  text(message: Buffer): void;
  /** A whole message that is no text; what it holds is nobody's concern. */
  binary(): void;
  /** It asked whether we are there, and was answered. */
  ping(): void;
  pong(payload: Buffer): void;
  /** The last word: the other side's close code, or 1006 when the connection just ended. */
  closed(code: number): void;
}

/** An open websocket. After `closed` was told, everything here does nothing. */
export interface Websocket {
  /** Headers of the answer to the handshake, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes that were sent and not handed to the system yet. */
  readonly unsentBytes: number;
  /** Bytes that came over the connection, those of half a message too. */
  readonly receivedBytes: number;
  /** Sends one text message. */
  send(message: Buffer): void;
  ping(payload: Buffer): void;
  /** Reads nothing more, pongs included, until `resume`. */
  pause(): void;
  resume(): void;
  /** Says goodbye with this code and leaves when the other side has answered. */
  close(code: number): void;
  /** Ends the connection at once. */
  destroy(): void;
}

/** What a handshake led to: a socket, or an ordinary answer, which must be read to its end or cancelled. */
export type WebsocketOpening =
  | { readonly kind: 'open'; readonly socket: Websocket }
  | { readonly kind: 'refused'; readonly answer: HttpAnswer };

export interface Network {
  /**
   * One HTTP call. Redirects are not followed: credentials must never reach a host the provider's answer names.
   * Rejects with `NetworkFault` when no status line arrived.
   */
  call(purpose: CallPurpose, call: HttpCall): Promise<HttpAnswer>;
  /** Lets go of idle connections, which may have died unnoticed. Calls under way go on. */
  dropIdle(): void;
  /**
   * Opens a websocket, without compression. Redirects are not followed here either.
   * Rejects with `NetworkFault` when neither a socket nor an answer came of it.
   */
  openWebsocket(call: WebsocketCall): Promise<WebsocketOpening>;
}

/** Why no answer came. `aborted` means our own signal ended the call, so nobody is to blame. */
export type NetworkFaultKind = 'connect' | 'timeout' | 'reset' | 'aborted';

export class NetworkFault extends Error {
  readonly kind: NetworkFaultKind;
  /** The system's word for it (`ECONNREFUSED`, `UND_ERR_HEADERS_TIMEOUT`); never provider text. */
  readonly systemCode: string;

  constructor(kind: NetworkFaultKind, options: { systemCode: string; cause?: unknown }) {
    super(`network fault: ${kind} (${options.systemCode})`, { cause: options.cause });
    this.name = 'NetworkFault';
    this.kind = kind;
    this.systemCode = options.systemCode;
  }
}
