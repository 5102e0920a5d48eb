/** The websockets of clients: each is driven by its session (`carriers/websocket-session.ts`) until it is gone. */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Client } from '../../api-keys/key-book.ts';
import { createMessageWatch } from '../../lib/message-watch.ts';
import { createPulse } from '../../lib/pulse.ts';
import { closings } from '../carriers/close-codes.ts';
import { createSocketRoom, refusalForRoom } from './socket-room.ts';
import { createAnswerMemory, type AnswerMemory } from './answer-memory.ts';
import { readClientName } from '../client-name.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RunningExchange } from '../running-exchanges.ts';
import type { SocketFacts } from './socket-surface.ts';
import {
  isAtRest,
  newSession,
  stepSession,
  type Command,
  type SessionEvent,
  type SessionState,
  type Turn,
} from '../carriers/websocket-session.ts';

/** What the socket tells its session. */
export interface ClientSession {
  /** So many bytes more of a message have arrived. False: nothing more is to be read. */
  arrived(bytes: number): boolean;
  /** So many of those that arrived were of no message. */
  passed(bytes: number): void;
  frame(bytes: Buffer, options: { isBinary: boolean }): void;
  /** The client asked whether we are there, and was answered. */
  ping(): void;
  pong(payload: Buffer): void;
  /** The connection is gone; `code` is that of the close, 1006 for none. */
  closed(code: number): void;
}

export interface ClientSessions {
  /** @throws {GatewayError} when no more sockets are taken: `gateway_stopping` or `server_is_overloaded`. */
  admit(): void;
  open(facts: NewSocket): ClientSession;
  readonly size: number;
  /** Takes no more turns; each socket is closed as soon as nothing runs on it. */
  drain(): void;
  /** Waits a moment for sockets that are being closed, and ends what is left. */
  stop(): Promise<void>;
}

/** A socket whose handshake was just answered. */
type NewSocket = Omit<SocketFacts, 'connection' | 'memory'> & {
  /** Whose it is: the key. */
  readonly owner: string;
};

/** How long a client may take to answer a close. */
const closeLimitMs = 1_000;
/** A socket is pinged this often (v1 spec 4.6). */
export const pingMs = 30_000;
/** A client may read an answer slowly, and a pong waits behind it. */
export const maxMissedPongs = 2;

export function createClientSessions(parts: GatewayParts): ClientSessions {
  const open = new Set<{ readonly drain: () => void; readonly terminate: () => void }>();
  const answers = createAnswerMemory({ maxBytes: () => parts.settings()['gateway.websocket_memory_bytes'] });
  let isDraining = false;
  let onEmpty = (): void => undefined;

  return {
    admit() {
      if (isDraining) throw new GatewayError('gateway_stopping', { retryAfterMs: 2_000 });
      if (open.size >= parts.settings()['gateway.max_websockets'])
        throw new GatewayError('server_is_overloaded', { retryAfterMs: 1_000 });
    },
    open(facts) {
      const entry = openSession(facts, { parts, answers, onGone });
      function onGone(): void {
        open.delete(entry);
        if (open.size === 0) onEmpty();
      }
      open.add(entry);
      if (isDraining) entry.drain();
      return entry;
    },
    get size() {
      return open.size;
    },
    drain() {
      isDraining = true;
      for (const session of open) session.drain();
    },
    async stop() {
      if (open.size === 0) return;
      const gone = Promise.withResolvers<void>();
      onEmpty = gone.resolve;
      const timer = parts.clock.timer(closeLimitMs, gone.resolve);
      await gone.promise;
      timer.stop();
      for (const session of open) session.terminate();
    },
  };
}

/** Answers to a warm-up: no account was asked, and an empty id makes the client send its whole input (wire spec A7.2). */
const warmUpFrames = [
  { type: 'response.created', response: { id: '' } },
  { type: 'response.completed', response: { id: '', usage: null, end_turn: true } },
].map((event) => Buffer.from(JSON.stringify(event)));

/** The largest event of an answer takes half of it. */
const maxUnreadBytes = 32 * 2 ** 20;

function openSession(
  facts: NewSocket,
  { parts, answers, onGone }: { parts: GatewayParts; answers: AnswerMemory; onGone: () => void },
) {
  const { socket, request, route, clientAddress } = facts;
  const { surface } = route;
  const { clock, log, keys } = parts;
  const connection = parts.random.id();
  const memory = answers.open();
  const room = createSocketRoom(parts.bodyRooms.open(facts.owner));
  const openedMs = clock.monotonicMs();
  const clientName = readClientName(request.headers['user-agent']);
  let state: SessionState = newSession;
  let run: RunningExchange | null = null;
  /** The last turn was ended by the stop, and said so. */
  let isStopTold = false;

  function step(event: SessionEvent): void {
    const limits = { maxLineBytes: parts.settings()['gateway.max_responses_body_bytes'] };
    const next = stepSession(state, { event, limits });
    state = next.state;
    room.waits(state.lineBytes);
    for (const command of next.commands) obey(command);
  }

  function obey(command: Command): void {
    switch (command.do) {
      case 'serve':
        room.serves(command.turn.frame.length);
        void serve(command.turn);
        return;
      case 'answer_warm_up':
        for (const frame of warmUpFrames) tell(frame);
        return;
      case 'refuse':
        tellError(new GatewayError(command.code, command), command.streamId);
        return;
      case 'close':
        if (command.closing === closings.stopping && surface.tellsOfStop && !isStopTold)
          tellError(new GatewayError('gateway_stopping', { retryAfterMs: 2_000 }), null);
        socket.close(command.closing);
        // It would not be heard any more that its client answers.
        if (command.closing === closings.overloaded) clock.timer(closeLimitMs, () => socket.terminate());
        return;
      case 'cut':
        socket.terminate();
        return;
      case 'abandon':
        run?.clientLeft();
    }
  }

  /** Nobody reads what is sent beyond this, and somebody goes on asking. */
  function tell(frame: Buffer): void {
    if (socket.bufferedBytes > maxUnreadBytes) socket.terminate();
    else void socket.send(frame);
  }

  function tellError(error: GatewayError, streamId: string | null): void {
    tell(surface.renderError(error, { streamId, now: clock.now() }));
  }

  /** The client as its key is now. */
  function recognise(): Client {
    return surface.recognise({ request, clientAddress }, parts);
  }

  /** What ends a key ends its sockets, and so does an address that is allowed no longer. */
  function checkKey(): void {
    try {
      recognise();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      step({ kind: 'key_ended', code: error.code });
    }
  }

  async function serve({ number, ...turn }: Turn): Promise<void> {
    const requestId = parts.random.id();
    const startedMs = clock.monotonicMs();
    let errorCode: string | null = null;
    try {
      const client = recognise();
      run = parts.running.begin();
      const { signal } = run;
      const { hold } = room;
      const start = { ...facts, ...turn, connection, memory, requestId, client, signal, hold };
      errorCode = await surface.serve(start, parts);
    } catch (error) {
      const known = error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
      errorCode = known.code;
      tellError(known, turn.streamId);
    }
    isStopTold = errorCode === 'gateway_stopping' || run?.signal.reason instanceof GatewayError;
    run?.done();
    run = null;
    room.serves(0);
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    log.info('turn', { requestId, route: route.path, errorCode, durationMs, clientName });
    idle.restart();
    checkKey();
    step({ kind: 'turn_ended', number });
  }

  const forgetKeys = keys.onChange(checkKey);
  const idle = clock.timer(parts.settings()['gateway.websocket_idle_timeout_ms'], () => {
    if (isAtRest(state)) step({ kind: 'idle' });
    else idle.restart();
  });

  const messages = createMessageWatch({ receivedBytes: () => socket.receivedBytes });
  const pulse = createPulse({
    everyMs: pingMs,
    maxMissed: maxMissedPongs,
    timer: (ms, fire) => clock.timer(ms, fire),
    ping: (payload) => socket.ping(payload),
    // What is not handed over yet has a limit of its own, and a ping would only wait behind it. A pong waits behind a
    // message that is not all there.
    isExcused: () => socket.bufferedBytes > 0 || messages.isUnderWay(),
    onSilent: () => step({ kind: 'silent' }),
  });

  function read(bytes: Buffer): SessionEvent | null {
    return room.takes(bytes.length) ? surface.readFrame(bytes) : { kind: 'refusal', ...refusalForRoom() };
  }

  return {
    arrived(bytes: number): boolean {
      const hasRoom = room.arrived(bytes);
      if (!hasRoom) step({ kind: 'overloaded', ...refusalForRoom() });
      return hasRoom;
    },
    passed: (bytes: number) => room.passed(bytes),
    frame(bytes: Buffer, { isBinary }: { isBinary: boolean }): void {
      idle.restart();
      pulse.heard();
      messages.arrived();
      const event: SessionEvent | null = isBinary ? { kind: 'binary' } : read(bytes);
      if (event) step(event);
      room.waits(state.lineBytes);
    },
    ping(): void {
      messages.arrived();
      pulse.heard();
    },
    pong(payload: Buffer): void {
      messages.arrived();
      pulse.answered(payload);
    },
    closed(code: number): void {
      idle.stop();
      pulse.stop();
      forgetKeys();
      memory.close();
      room.leave();
      onGone();
      const durationMs = Math.round(clock.monotonicMs() - openedMs);
      log.info('websocket_closed', { route: route.path, status: code, count: state.turns, durationMs, clientName });
      step({ kind: 'left' });
    },
    drain: () => step({ kind: 'draining' }),
    terminate: () => socket.terminate(),
  };
}
