/** W1–W7: websocket handshakes, endings and frames that go wrong (wire spec A7.3, A7.5, D3.9). */
import { z } from 'zod';
import { errorBody, event, refuse, type RefuseStep, type Step } from '../steps.ts';
import type { HandshakeCaller } from '../handshake.ts';
import type { Turn } from '../turn.ts';
import { behaviour } from './define.ts';
import { completed, itemAdded, message, messageDone, opening, textDelta } from './events.ts';
import { tokenRefusal, usageLimitRefusal } from './refusals.ts';

const w1 = behaviour({
  what: 'Handshake refused with a status, or left unanswered.',
  options: z.object({
    status: z.number().int().min(200).max(599).default(426),
    /** For 429: a usage limit, or a plain speed limit. */
    kind: z.enum(['usage_limit_reached', 'plain']).default('usage_limit_reached'),
    resetsInSeconds: z.number().int().default(3600),
    retryAfter: z.number().int().nonnegative().optional(),
    hang: z.boolean().default(false),
    body: z.unknown().optional(),
  }),
  stage: () => 'handshake',
  handshake: (caller, options) => (options.hang ? { hang: true } : { refuse: refuseHandshake(caller, options) }),
});

function refuseHandshake(
  caller: HandshakeCaller,
  options: { status: number; kind: string; resetsInSeconds: number; retryAfter?: number | undefined; body?: unknown },
): RefuseStep {
  const retry: Record<string, string> =
    options.retryAfter === undefined ? {} : { 'retry-after': String(options.retryAfter) };
  if (options.body !== undefined) return refuse(options.status, options.body, retry);
  if (options.status === 401) return tokenRefusal('token_expired', retry);
  if (options.status === 429 && options.kind === 'usage_limit_reached') {
    caller.account.quota.exhaust(options.resetsInSeconds);
    const resetsAt = Math.floor(caller.parts.clock.now().getTime() / 1000) + options.resetsInSeconds;
    return usageLimitRefusal(caller, { resetsAt });
  }
  const code = options.status === 429 ? 'rate_limit_exceeded' : `handshake_${options.status}`;
  return refuse(options.status, errorBody({ message: 'The handshake was refused.', type: code, code }), retry);
}

const ending = z.union([z.number().int().min(1000).max(4999), z.literal('reset')]).default(1011);

const w2 = behaviour({
  what: 'Socket closed with a code, or killed: after opening, after prewarm, mid-answer, after an item, after the turn.',
  options: z.object({
    at: z.enum(['open', 'prewarm', 'mid_answer', 'item_done', 'after_turn']).default('mid_answer'),
    how: ending,
    deltas: z.number().int().nonnegative().default(2),
  }),
  stage: (options) => (options.at === 'open' || options.at === 'prewarm' ? 'handshake' : 'answer'),
  handshake: (_caller, options) =>
    options.at === 'open' || options.at === 'prewarm' ? { end: { at: options.at, how: options.how } } : {},
  *answer(turn, options) {
    yield* opening(turn);
    if (options.at === 'after_turn') {
      yield* message(turn, { text: 'Goodbye.' });
      yield completed(turn);
    } else {
      const itemId = turn.parts.ids.next('msg');
      yield itemAdded(0, { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] });
      for (let sent = 0; sent < options.deltas; sent += 1) yield textDelta({ itemId, outputIndex: 0, delta: 'word ' });
      if (options.at === 'item_done') yield messageDone({ itemId, outputIndex: 0, text: 'Whole message.' });
    }
    yield options.how === 'reset' ? { do: 'cut', how: 'reset' } : { do: 'close', code: options.how };
  },
});

const w3 = behaviour({
  what: 'Error frame with any status, named `status`, `status_code`, inside the error, or nowhere.',
  options: z.object({
    status: z.number().int().min(400).max(599).default(500),
    statusField: z.enum(['status', 'status_code', 'inner', 'none']).default('status'),
    type: z.string().default('server_error'),
    code: z.string().nullable().optional(),
    message: z.string().default('The response failed.'),
    resetsInSeconds: z.number().int().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    /** Deltas of visible text before the frame. */
    deltas: z.number().int().nonnegative().default(0),
  }),
  *answer(turn, options) {
    if (options.deltas > 0) {
      yield* opening(turn);
      const itemId = turn.parts.ids.next('msg');
      for (let sent = 0; sent < options.deltas; sent += 1) yield textDelta({ itemId, outputIndex: 0, delta: 'word ' });
    }
    const nowSeconds = Math.floor(turn.parts.clock.now().getTime() / 1000);
    const reset = options.resetsInSeconds === undefined ? {} : { resets_at: nowSeconds + options.resetsInSeconds };
    const inner = options.statusField === 'inner' ? { status: options.status } : {};
    const code = options.code === undefined ? options.type : options.code;
    const outer =
      options.statusField === 'status' || options.statusField === 'status_code'
        ? { [options.statusField]: options.status }
        : {};
    const error = { type: options.type, code, message: options.message, ...reset, ...inner };
    yield event({ type: 'error', ...outer, error, ...(options.headers ? { headers: options.headers } : {}) });
  },
});

const w4 = behaviour({
  what: 'Life limit: after so long the socket gets websocket_connection_limit_reached and is closed.',
  options: z.object({ lifeMs: z.number().positive().default(1000) }),
  stage: () => 'handshake',
  handshake: (_caller, options) => ({ lifeMs: options.lifeMs }),
});

/** A 400 frame of the protocol itself (wire spec D3.9). */
export function protocolError(code: string, text: string, param?: string): Step {
  const error = { type: 'invalid_request_error', code, message: text, ...(param ? { param } : {}) };
  return event({ type: 'error', status: 400, error });
}

export const previousResponseNotFound = (id: string) =>
  protocolError('previous_response_not_found', `Previous response with id '${id}' not found.`, 'previous_response_id');

export const connectionLimitReached = () =>
  protocolError(
    'websocket_connection_limit_reached',
    'Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.',
  );

export const responseInProgress = () =>
  protocolError('response_in_progress', 'Another response is in progress on this connection.');

const w5 = behaviour({
  what: 'previous_response_not_found. Ids of another socket get it by themselves.',
  options: z.object({}),
  *answer(turn) {
    yield previousResponseNotFound(turn.ask.previousResponseId ?? 'resp_x');
  },
});

const w6 = behaviour({
  what: 'Odd frames: binary, junk text, fragments, compression, a big message, pings sent or never answered.',
  options: z.object({
    kind: z
      .enum([
        'binary',
        'junk',
        'fragmented',
        'compressed',
        'big',
        'ping',
        'ignored_pings',
        'prewarm_ignored',
        'prewarm_failed',
      ])
      .default('fragmented'),
    bytes: z
      .number()
      .int()
      .positive()
      .default(18 * 1024 * 1024),
  }),
  stage: (options) => (handshakeKinds.has(options.kind) ? 'handshake' : 'answer'),
  handshake(_caller, options) {
    if (options.kind === 'compressed') return { compress: true };
    if (options.kind === 'ignored_pings') return { ignoresPings: true };
    return { prewarm: options.kind === 'prewarm_failed' ? 'failed' : 'ignored' };
  },
  *answer(turn, options) {
    yield* opening(turn);
    if (options.kind === 'binary') yield { do: 'frame', data: Buffer.from([0, 1, 2, 3]), binary: true };
    if (options.kind === 'junk') yield { do: 'frame', data: 'this is not JSON' };
    if (options.kind === 'ping') yield { do: 'ping' };
    const text = options.kind === 'big' ? 'x'.repeat(options.bytes) : 'Hello in odd frames.';
    for (const step of message(turn, { text })) yield options.kind === 'fragmented' ? inFragments(step) : step;
    yield completed(turn);
  },
});

const handshakeKinds: ReadonlySet<string> = new Set([
  'compressed',
  'ignored_pings',
  'prewarm_ignored',
  'prewarm_failed',
]);

function inFragments(step: Step): Step {
  return step.do === 'event' ? { do: 'frame', data: step.json, fragments: 3 } : step;
}

const w7 = behaviour({
  what: 'response_in_progress. A second response.create during an answer gets it by itself.',
  options: z.object({}),
  *answer(_turn: Turn) {
    yield responseInProgress();
  },
});

export const websocketBehaviours = { W1: w1, W2: w2, W3: w3, W4: w4, W5: w5, W6: w6, W7: w7 };
