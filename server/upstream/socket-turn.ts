/** One turn on a socket: frames come in, what looks like the answer to an HTTP request comes out. */
import { NetworkFault, type Clock, type HttpAnswer, type Timer } from '../world/world.ts';
import {
  blockOf,
  failureBlock,
  isEnding,
  isOpening,
  isPreamble,
  metadataHeaders,
  readRefusal,
  type Frame,
} from './read-frame.ts';
import { createTurnBody } from './turn-body.ts';

export interface SocketTurn {
  /** @throws {NetworkFault} when the socket was lost, or the turn given up, before it began. */
  readonly answer: Promise<HttpAnswer>;
  /** Something of this turn's own has arrived. */
  readonly hasBegun: boolean;
  /** The answer's id, once it was named. */
  readonly responseId: string | null;
  /** Whether it was named when the answer began, as it always should be. */
  readonly isNamedAtOpening: boolean;
  receive(frame: Frame): void;
  /** Nothing more will arrive. */
  lose(fault: NetworkFault): void;
}

/** How a turn ended: `answered` leaves a socket that may be asked again. */
export type TurnEnd = 'answered' | 'refused' | 'given_up';

export interface SocketTurnOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of the handshake when this is the socket's first turn: later they would be old news. */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * Answers that this socket gave before: their late frames are nobody's. null when the last of them was not named when
   * it began, so that nothing can be told apart, or when there is none.
   */
  readonly earlier: ReadonlySet<string> | null;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly onOver: (end: TurnEnd) => void;
}

/** The provider tells a socket to go (wire spec B13); what it was asked has not begun. */
const connectionLimit = 'websocket_connection_limit_reached';

/** Bookkeeping is waited over this long, so that a refusal behind it is still seen as one; then the answer stands. */
const preambleMs = 2_000;
const maxPreambleFrames = 16;

export function createSocketTurn(options: SocketTurnOptions): SocketTurn {
  const { clock, signal, earlier } = options;
  const body = createTurnBody({ onFull: options.pause, onRoom: options.resume });
  const headers = new Map([...options.headers, ['content-type', 'text/event-stream']]);
  const opening = Promise.withResolvers<HttpAnswer>();
  let patience: Timer | null = null;
  let hasBegun = false;
  let isOpen = false;
  let isOver = false;
  let isOwn = earlier === null;
  let preambleFrames = 0;
  let responseId: string | null = null;
  let isNamedAtOpening = false;

  // Nobody may be waiting any more for the answer of a turn that was given up.
  opening.promise.catch(() => undefined);
  const abort = () => giveUp(new NetworkFault('aborted', { systemCode: 'ABORTED', cause: signal.reason }));
  signal.addEventListener('abort', abort, { once: true });

  function open(): void {
    patience?.stop();
    if (isOpen) return;
    isOpen = true;
    opening.resolve({ status: 200, headers, body: body.chunks, cancel: () => giveUp(cancelled()) });
  }

  function finish(end: TurnEnd): void {
    isOver = true;
    patience?.stop();
    signal.removeEventListener('abort', abort);
    options.onOver(end);
  }

  function giveUp(fault: NetworkFault): void {
    body.drop(fault);
    if (isOver) return;
    opening.reject(fault);
    finish('given_up');
  }

  /** Events of an answer carry no id, so on a used socket they count only after one that names a new answer. */
  function isLate(frame: Frame): boolean {
    if (earlier === null || isPreamble(frame) || frame.type === 'error') return false;
    const isOfEarlier = frame.responseId !== null && earlier.has(frame.responseId);
    if (isOpening(frame) || isEnding(frame)) isOwn ||= !isOfEarlier;
    return !isOwn || isOfEarlier;
  }

  function receive(frame: Frame): void {
    if (isOver || isLate(frame)) return;
    if (frame.type === 'error') return refuse(frame);
    hasBegun = true;
    responseId ??= frame.responseId;
    isNamedAtOpening ||= isOpening(frame) && frame.responseId !== null;
    if (!isOpen) for (const [name, value] of metadataHeaders(frame)) headers.set(name, value);
    body.push(blockOf(frame));
    preambleFrames += 1;
    if (!isPreamble(frame) || preambleFrames >= maxPreambleFrames) open();
    else if (!isOpen) patience ??= clock.timer(preambleMs, open);
    if (!isEnding(frame)) return;
    responseId = frame.responseId ?? responseId;
    body.end();
    finish('answered');
  }

  function refuse(frame: Frame): void {
    const refusal = readRefusal(frame);
    if (!hasBegun && refusal.code === connectionLimit)
      return lose(new NetworkFault('reset', { systemCode: connectionLimit }));
    if (isOpen) {
      body.push(failureBlock(frame, responseId));
      body.end();
    } else {
      const answer = createTurnBody({ onFull: () => undefined, onRoom: () => undefined });
      answer.push(refusal.body);
      answer.end();
      const { status } = refusal;
      const all = new Map([...headers, ...refusal.headers]);
      opening.resolve({ status, headers: all, body: answer.chunks, cancel: () => answer.drop(cancelled()) });
    }
    finish('refused');
  }

  function lose(fault: NetworkFault): void {
    if (isOver) return;
    body.fail(fault);
    opening.reject(fault);
    finish('given_up');
  }

  return {
    answer: opening.promise,
    receive,
    lose,
    get hasBegun() {
      return hasBegun;
    },
    get responseId() {
      return responseId;
    },
    get isNamedAtOpening() {
      return isNamedAtOpening;
    },
  };
}

function cancelled(): NetworkFault {
  return new NetworkFault('reset', { systemCode: 'CANCELLED' });
}
