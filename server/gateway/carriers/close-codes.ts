/**
 * Every way in which the gateway closes a client's websocket (RFC 6455 §7.4.1). After each of them Codex comes back by
 * itself and sends everything (wire spec A7.3). The library closes what breaks the protocol: 1002, a message that is no
 * UTF-8: 1007, one in too many pieces: 1008, one that is too large: 1009; it answers a goodbye with the code that was said.
 */
import type { ErrorCode } from '../../contract/error-codes.ts';

export interface Closing {
  readonly code: 1000 | 1003 | 1008 | 1012 | 1013;
  /** A word of ours. */
  readonly reason: string;
}

/** What the gateway says when it ends a session for reasons of its own. */
export const closings = {
  /** The client said nothing for a long time. */
  idle: { code: 1000, reason: 'idle' },
  /** Frames are text, all of them. */
  binary: { code: 1003, reason: 'binary_frame' },
  /** There is no room for the rest of a message. */
  overloaded: { code: 1013, reason: 'overloaded' },
  stopping: { code: 1012, reason: 'gateway_stopping' },
} as const satisfies Record<string, Closing>;

/** The key may be used no longer, or not from there; its error code is the reason. */
export function closingOfKey(code: ErrorCode): Closing {
  return { code: 1008, reason: code };
}
