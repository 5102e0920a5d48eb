/** One websocket to the provider: one turn at a time, watched while it lives, and gone before the provider ends it. */
import type { ErrorCode } from '../contract/error-codes.ts';
import { createMessageWatch, type MessageWatch } from '../lib/message-watch.ts';
import { createPulse, type Pulse } from '../lib/pulse.ts';
import {
  NetworkFault,
  type Clock,
  type HttpAnswer,
  type Network,
  type Timer,
  type Websocket,
  type WebsocketListener,
} from '../world/world.ts';
import { readFrame } from './read-frame.ts';
import { createSocketTurn, type SocketTurn, type TurnEnd } from './socket-turn.ts';

/** A socket is pinged this often, and its pong must have come by then (gateway spec 9.6). */
export const pingMs = 25_000;
/** The provider ends a socket after 60 minutes (wire spec B13); ours go before, between turns. */
export const lifeMs = 55 * 60_000;
/** What a turn that a silent connection ended is recorded with. */
export const pongDeadline = 'upstream_websocket_pong_deadline' satisfies ErrorCode;

/** Answers a socket remembers for being gone on from; a client goes on from its last. */
const maxKnownAnswers = 16;

export interface CodexSocket {
  readonly state: 'idle' | 'busy' | 'closed';
  /** Asks the next turn; only while idle. */
  ask(frame: Buffer, signal: AbortSignal): SocketTurn;
  /** The answer was made on this socket, so a turn on it may go on from there. */
  holds(responseId: string): boolean;
  /** Ends it now, or after the turn that runs. */
  retire(reason: string): void;
  /** Ends it unless a pong comes within this time. */
  check(withinMs: number): void;
}

export interface CodexSocketEvents {
  onIdle(): void;
  onClosed(facts: { readonly reason: string; readonly ageMs: number }): void;
}

export type CodexSocketOpening =
  | { readonly kind: 'open'; readonly socket: CodexSocket }
  | { readonly kind: 'refused'; readonly answer: HttpAnswer };

export interface CodexSocketCall {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Ends the handshake. */
  readonly signal: AbortSignal;
}

/** @throws {NetworkFault} when the handshake led to nothing. */
export async function openCodexSocket(
  call: CodexSocketCall,
  { network, clock, ...events }: { network: Pick<Network, 'openWebsocket'>; clock: Clock } & CodexSocketEvents,
): Promise<CodexSocketOpening> {
  const life = createSocketLife({ clock, events });
  const opening = await network.openWebsocket({ ...call, listener: life.listener });
  if (opening.kind === 'refused') return opening;
  life.begin(opening.socket);
  // It may have been closed in the same breath in which it opened.
  if (life.socket.state === 'closed') throw new NetworkFault('reset', { systemCode: 'websocket_closed_at_once' });
  return { kind: 'open', socket: life.socket };
}

function createSocketLife({ clock, events }: { clock: Clock; events: CodexSocketEvents }) {
  const known = new Set<string>();
  let wire: Websocket | null = null;
  let turn: SocketTurn | null = null;
  /** Whether late frames of the turns before can be told from those of the next. */
  let isTold = false;
  let isFirst = true;
  let isClosed = false;
  let retiring: string | null = null;
  let isPaused = false;
  let openedMs = 0;
  let pulse: Pulse | null = null;
  let messages: MessageWatch | null = null;
  let age: Timer | null = null;

  /** @param options.code - Of a goodbye; without one the connection just ends. */
  function end(reason: string, { code }: { code?: number } = {}): void {
    if (isClosed) return;
    isClosed = true;
    pulse?.stop();
    age?.stop();
    turn?.lose(new NetworkFault('reset', { systemCode: reason }));
    if (code === undefined) wire?.destroy();
    else wire?.close(code);
    events.onClosed({ reason, ageMs: clock.monotonicMs() - openedMs });
  }

  function retire(reason: string): void {
    if (turn) retiring ??= reason;
    else end(reason, { code: 1000 });
  }

  function ask(frame: Buffer, signal: AbortSignal): SocketTurn {
    if (!wire || turn || isClosed) throw new TypeError('the socket is not idle');
    const socket = wire;
    const asked = createSocketTurn({
      clock,
      signal,
      headers: isFirst ? socket.headers : new Map(),
      earlier: isTold ? known : null,
      pause: () => {
        isPaused = true;
        socket.pause();
      },
      resume,
      onOver: (how) => leave(asked, how),
    });
    turn = asked;
    isFirst = false;
    socket.send(frame);
    return asked;
  }

  /** Pongs that came meanwhile are read only now. */
  function resume(): void {
    if (isPaused) pulse?.heard();
    isPaused = false;
    wire?.resume();
  }

  function leave({ responseId, isNamedAtOpening }: SocketTurn, how: TurnEnd): void {
    turn = null;
    if (isClosed) return;
    // A turn that is given up still runs at the provider, and a refused one may have left anything behind.
    if (how !== 'answered') return end(how);
    resume();
    if (responseId !== null) remember(responseId);
    isTold = responseId !== null && isNamedAtOpening;
    if (retiring !== null) end(retiring, { code: 1000 });
    else events.onIdle();
  }

  function remember(responseId: string): void {
    known.add(responseId);
    if (known.size > maxKnownAnswers) for (const oldest of known) return void known.delete(oldest);
  }

  const listener: WebsocketListener = {
    text(message) {
      messages?.arrived();
      const frame = turn && readFrame(message);
      if (frame) turn?.receive(frame);
    },
    binary: () => end('websocket_binary_frame', { code: 1003 }),
    ping: () => messages?.arrived(),
    pong(payload) {
      messages?.arrived();
      pulse?.answered(payload);
    },
    closed: (code) => end(`websocket_closed_${code}`),
  };

  const socket: CodexSocket = {
    get state() {
      return isClosed ? 'closed' : turn ? 'busy' : 'idle';
    },
    ask,
    holds: (responseId) => !isClosed && known.has(responseId),
    retire,
    check: (withinMs) => pulse?.check(withinMs),
  };

  function begin(opened: Websocket): void {
    if (isClosed) return;
    wire = opened;
    openedMs = clock.monotonicMs();
    const watch = createMessageWatch({ receivedBytes: () => opened.receivedBytes });
    messages = watch;
    pulse = createPulse({
      everyMs: pingMs,
      timer: (ms, fire) => clock.timer(ms, fire),
      ping: (payload) => opened.ping(payload),
      // A ping waits behind what was sent before it, and a pong behind a message that is not all there.
      isExcused: () => isPaused || opened.unsentBytes > 0 || watch.isUnderWay(),
      onSilent: () => end(pongDeadline),
    });
    age = clock.timer(lifeMs, () => retire('rotated'));
  }

  return { listener, socket, begin };
}
