/**
 * One client's websocket as a pure machine: what happened goes in, what to do comes out. It knows no socket, no clock
 * and no engine. Answers keep the order of the frames they belong to: one turn runs, the others wait in a bounded line.
 */
import type { ErrorCode } from '../../contract/error-codes.ts';
import { closingOfKey, closings, type Closing } from './close-codes.ts';

/** A frame that is one turn; `number` counts those of this socket. */
export interface Turn {
  readonly number: number;
  readonly frame: Buffer;
  /** The client's name for it, where it gave one. */
  readonly turnId: string | null;
  /** What its client calls the stream of its answer; null where it calls it nothing. */
  readonly streamId: string | null;
}

/** What cannot be served, as its client is told. */
interface Refusal {
  readonly code: ErrorCode;
  readonly param?: string | undefined;
  readonly detail?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly streamId: string | null;
}

/** What a frame is answered with; turns by the engine, the rest by the session itself. */
type Due =
  | { readonly kind: 'turn'; readonly turn: Turn }
  | { readonly kind: 'warm_up' }
  | ({ readonly kind: 'refusal' } & Refusal);

export interface SessionState {
  /** Number of the turn that is being served. */
  readonly running: number | null;
  readonly line: readonly Due[];
  /** Bytes of the frames in the line. */
  readonly lineBytes: number;
  readonly turns: number;
  /** How the socket is to be closed as soon as nothing runs. */
  readonly closing: Closing | null;
  readonly isClosed: boolean;
}

/** What a frame asks. */
export type FrameEvent =
  | ({ readonly kind: 'turn' } & Omit<Turn, 'number'>)
  | { readonly kind: 'warm_up' }
  /** A frame that cannot be served. */
  | ({ readonly kind: 'refusal' } & Refusal);

export type SessionEvent =
  | FrameEvent
  | { readonly kind: 'binary' }
  | { readonly kind: 'turn_ended'; readonly number: number }
  /** There is no room for what arrives; nothing more of it is read. */
  | ({ readonly kind: 'overloaded' } & Refusal)
  /** The key may not be used any longer, or not from there. */
  | { readonly kind: 'key_ended'; readonly code: ErrorCode }
  | { readonly kind: 'draining' }
  | { readonly kind: 'idle' }
  /** Pings came back no more. */
  | { readonly kind: 'silent' }
  /** The connection is gone. */
  | { readonly kind: 'left' };

export type Command =
  | { readonly do: 'serve'; readonly turn: Turn }
  | { readonly do: 'answer_warm_up' }
  | ({ readonly do: 'refuse' } & Refusal)
  | { readonly do: 'close'; readonly closing: Closing }
  /** Ends the connection without a goodbye, which nobody would hear. */
  | { readonly do: 'cut' }
  /** Nobody is left to read what runs. */
  | { readonly do: 'abandon' };

export interface Step {
  readonly state: SessionState;
  readonly commands: readonly Command[];
}

export interface SessionLimits {
  /** Bytes that may wait in the line; a single frame may be as large. */
  readonly maxLineBytes: number;
}

/** Before its first frame. */
export const newSession: SessionState = {
  running: null,
  line: [],
  lineBytes: 0,
  turns: 0,
  closing: null,
  isClosed: false,
};

/** Codex sends one turn and waits; a longer line is somebody who does not (gateway spec 9.4). */
export const maxLine = 32;

/** @example stepSession(newSession, { event: { kind: 'binary' }, limits }).commands // [{ do: 'close', closing: closings.binary }] */
export function stepSession(
  state: SessionState,
  { event, limits }: { event: SessionEvent; limits: SessionLimits },
): Step {
  if (state.isClosed) return ended(state, event);
  switch (event.kind) {
    case 'turn':
      return takeTurn(state, { ...event, limits });
    case 'warm_up':
    case 'refusal':
      return join(state, event);
    case 'binary':
      return closeNow(state, closings.binary);
    case 'overloaded': {
      const { kind: _kind, ...refusal } = event;
      return closed(state, [
        { do: 'refuse', ...refusal },
        { do: 'close', closing: closings.overloaded },
      ]);
    }
    case 'turn_ended':
      // What ended before counts no more.
      return event.number === state.running ? goOn({ ...state, running: null }, []) : stay(state);
    case 'key_ended':
      return closeSoon(state, closingOfKey(event.code));
    case 'draining':
      return closeSoon(state, closings.stopping);
    case 'idle':
      return isAtRest(state) ? closeNow(state, closings.idle) : stay(state);
    case 'silent':
      return closed(state, [{ do: 'cut' }]);
    case 'left':
      return closed(state, []);
  }
}

/** Nothing runs and nothing waits. */
export function isAtRest({ running, line }: SessionState): boolean {
  return running === null && line.length === 0;
}

/** After the close only the end of what was running still counts. */
function ended(state: SessionState, event: SessionEvent): Step {
  return event.kind === 'turn_ended' && event.number === state.running
    ? stay({ ...state, running: null })
    : stay(state);
}

function takeTurn(
  state: SessionState,
  { frame, turnId, streamId, limits }: Omit<Turn, 'number'> & { limits: SessionLimits },
): Step {
  if (state.closing) return stay(state);
  const isTooMuch = state.lineBytes > 0 && state.lineBytes + frame.length > limits.maxLineBytes;
  if (isTooMuch || state.line.length >= maxLine) return full(state, streamId);
  const number = state.turns + 1;
  return join({ ...state, turns: number }, { kind: 'turn', turn: { number, frame, turnId, streamId } });
}

function join(state: SessionState, due: Due): Step {
  if (state.closing) return stay(state);
  if (state.line.length >= maxLine) return full(state, due.kind === 'refusal' ? due.streamId : null);
  const bytes = due.kind === 'turn' ? due.turn.frame.length : 0;
  return goOn({ ...state, line: [...state.line, due], lineBytes: state.lineBytes + bytes }, []);
}

/** Said at once: what has no place in the line cannot be answered in its turn. */
function full(state: SessionState, streamId: string | null): Step {
  return { state, commands: [{ do: 'refuse', code: 'websocket_queue_full', streamId }] };
}

/** Answers what is due until a turn runs; then closes, if that is what remains. */
function goOn(state: SessionState, commands: readonly Command[]): Step {
  const [due, ...line] = state.line;
  if (state.running !== null) return { state, commands };
  if (!due) {
    const { closing } = state;
    return closing ? closed(state, [...commands, { do: 'close', closing }]) : { state, commands };
  }
  if (due.kind === 'turn') {
    const { turn } = due;
    const lineBytes = state.lineBytes - turn.frame.length;
    return {
      state: { ...state, line, lineBytes, running: turn.number },
      commands: [...commands, { do: 'serve', turn }],
    };
  }
  return goOn({ ...state, line }, [...commands, answerTo(due)]);
}

function answerTo(due: Exclude<Due, { kind: 'turn' }>): Command {
  if (due.kind === 'warm_up') return { do: 'answer_warm_up' };
  const { kind: _kind, ...refusal } = due;
  return { do: 'refuse', ...refusal };
}

/** What runs may finish; what waits is not begun. The first reason stands. */
function closeSoon(state: SessionState, closing: Closing): Step {
  return goOn({ ...state, line: [], lineBytes: 0, closing: state.closing ?? closing }, []);
}

function closeNow(state: SessionState, closing: Closing): Step {
  return closed(state, [{ do: 'close', closing }]);
}

function closed(state: SessionState, commands: readonly Command[]): Step {
  const isAbandoned = state.running !== null;
  return {
    state: { ...state, line: [], lineBytes: 0, isClosed: true },
    commands: isAbandoned ? [...commands, { do: 'abandon' }] : commands,
  };
}

function stay(state: SessionState): Step {
  return { state, commands: [] };
}
