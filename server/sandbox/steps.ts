/**
 * The parts an answer is made of. A behaviour writes a plan (a generator of steps) without knowing the carrier;
 * `play-http.ts` and `play-websocket.ts` turn the same plan into bytes or frames.
 */

/** Tokens an answer reports. Written to the wire in the shape of wire spec A6. */
export interface UsageTokens {
  readonly inputTokens: number;
  /** Subset of `inputTokens`. */
  readonly cachedTokens: number;
  /** Optional on the wire; left out when undefined. */
  readonly cacheWriteTokens?: number | undefined;
  readonly outputTokens: number;
  /** Subset of `outputTokens`. */
  readonly reasoningTokens: number;
}

/** One event of a stream: an SSE event over HTTP, a text frame over websocket. */
export interface EventStep {
  readonly do: 'event';
  readonly name: string;
  /** Serialised once by whoever made the step, so that a repeated delta costs nothing. */
  readonly json: string;
  /** Tokens that count as reported once this event is on the wire. */
  readonly usage?: UsageTokens;
  /** The answer is complete with this event; over websocket its id may be continued from then on. */
  readonly completesId?: string;
  /** The SSE form, made at first use and kept for repetitions. */
  sse?: Buffer;
}

/** A whole answer that is no stream: status, headers and body. Over websocket it becomes an error frame. */
export interface RefuseStep {
  readonly do: 'refuse';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export type Step =
  | EventStep
  | RefuseStep
  /** Status line and headers of a stream. Over websocket there are none, so nothing happens. */
  | { readonly do: 'head'; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly do: 'wait'; readonly ms: number }
  /** Raw bytes of an HTTP body. Over websocket they are sent as one text frame. */
  | { readonly do: 'bytes'; readonly bytes: Buffer; readonly usage?: UsageTokens }
  /** Nothing more, for ever: until the other side leaves or the sandbox stops. */
  | { readonly do: 'hang' }
  /** Ends the connection: TCP reset, clean end without a terminal event, or a chunk that is no chunk. */
  | { readonly do: 'cut'; readonly how: 'reset' | 'end' | 'broken-chunk' }
  /** Websocket close frame. Over HTTP the same as a reset. */
  | { readonly do: 'close'; readonly code: number }
  /** A websocket message of unusual form. Skipped over HTTP. */
  | { readonly do: 'frame'; readonly data: string | Buffer; readonly binary?: boolean; readonly fragments?: number }
  /** A websocket ping. Skipped over HTTP. */
  | { readonly do: 'ping' };

export type Plan = Iterable<Step>;

/** An event from an object that carries its own `type`. */
export function event(payload: { readonly type: string; readonly [key: string]: unknown }): EventStep {
  return { do: 'event', name: payload.type, json: JSON.stringify(payload) };
}

/** The SSE bytes of an event, cached on the step. */
export function sseOf(step: EventStep): Buffer {
  step.sse ??= Buffer.from(`event: ${step.name}\ndata: ${step.json}\n\n`);
  return step.sse;
}

/** A whole JSON answer. Strings are taken as the finished body, anything else is serialised. */
export function refuse(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): RefuseStep {
  const isText = typeof body === 'string';
  const contentType = isText ? {} : { 'content-type': 'application/json' };
  return { do: 'refuse', status, headers: { ...contentType, ...headers }, body: isText ? body : JSON.stringify(body) };
}

/** The error object most refusals carry (wire spec B15). */
export function errorBody(error: { message: string; code?: string | null; type?: string | null }): unknown {
  return { error: { message: error.message, type: error.type ?? null, code: error.code ?? null, param: null } };
}
