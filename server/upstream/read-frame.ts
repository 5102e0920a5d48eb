/** Reads the provider's websocket frames and gives them the shape of an HTTP answer (wire spec A7, B13). Pure. */
import { eventTypeOf } from '../lib/event-type.ts';
import { readSpan, scanObject } from '../lib/json-spans.ts';
import { parseJson, recordOf } from '../lib/json-values.ts';

export interface Frame {
  readonly type: string;
  readonly data: Buffer;
  /** Of events that speak of the answer as a whole; null where none is named. */
  readonly responseId: string | null;
}

/** May come before an answer begins, and says nothing of whether it will (wire spec B13, D3.4). */
const preambles = new Set([
  'codex.rate_limits',
  'response.metadata',
  'codex.response.metadata',
  'responsesapi.websocket_timing',
  'keepalive',
]);
const openings = new Set(['response.created', 'response.queued', 'response.in_progress']);
const endings = new Set(['response.completed', 'response.done', 'response.incomplete', 'response.failed']);

export const isPreamble = ({ type }: Frame): boolean => preambles.has(type);
export const isOpening = ({ type }: Frame): boolean => openings.has(type);
export const isEnding = ({ type }: Frame): boolean => endings.has(type);

/** null for what is no JSON object with a type: clients ignore it (wire spec A7.3). */
export function readFrame(message: Buffer): Frame | null {
  const type = eventTypeOf(message);
  if (type === null) return null;
  return { type, data: message, responseId: openings.has(type) || endings.has(type) ? responseIdIn(message) : null };
}

function responseIdIn(message: Buffer): string | null {
  try {
    const response = scanObject(message).find(({ key }) => key === 'response');
    if (!response) return null;
    const bytes = message.subarray(response.start, response.end);
    const member = scanObject(bytes).find(({ key }) => key === 'id');
    const id = member && readSpan(bytes, member);
    return typeof id === 'string' && id !== '' && id.length <= longestId ? id : null;
  } catch {
    return null; // No object, or cut: the client will judge it.
  }
}

const longestId = 200;

/** The frame as a block of an event stream, its own bytes untouched; line ends between its tokens begin data lines. */
export function blockOf({ type, data }: Pick<Frame, 'type' | 'data'>): Buffer {
  const head = Buffer.from(`event: ${type}\ndata: `);
  if (!data.includes(lineFeed) && !data.includes(carriageReturn)) return Buffer.concat([head, data, blockEnd]);
  const lines = data.toString('latin1').split(/\r\n|\r|\n/);
  return Buffer.concat([head, Buffer.from(lines.join('\ndata: '), 'latin1'), blockEnd]);
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const blockEnd = Buffer.from('\n\n');

/** An `error` frame as the HTTP answer that it stands for. */
export interface RefusalFrame {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly code: string;
}

export function readRefusal({ data }: Frame): RefusalFrame {
  const frame = recordOf(parseJson(data));
  const error = recordOf(frame['error']);
  const code = wordIn(error['code']) || wordIn(error['type']);
  const stated = [frame['status'], frame['status_code'], error['status'], error['status_code']].find(isRefusalStatus);
  const headers = Object.entries(recordOf(frame['headers'])).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [[name.toLowerCase(), String(value)] as const]
      : [],
  );
  return {
    status: stated ?? statusByCode.get(code) ?? statusByCode.get(wordIn(error['type'])) ?? 500,
    headers: new Map([...headers, ['content-type', 'application/json']]),
    body: Buffer.from(JSON.stringify({ error: frame['error'] ?? null })),
    code,
  };
}

/** Where a frame names no status, its code does (wire spec B15). */
const statusByCode: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['usage_limit_reached', 429],
  ['rate_limit_exceeded', 429],
  ['server_is_overloaded', 503],
]);

function isRefusalStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599;
}

/** An `error` frame in the middle of an answer, as the failed ending that the engine and clients understand. */
export function failureBlock({ data }: Frame, responseId: string | null): Buffer {
  const error = recordOf(recordOf(parseJson(data))['error']);
  const event = {
    type: 'response.failed',
    response: {
      ...(responseId !== null && { id: responseId }),
      status: 'failed',
      error: { ...error, code: wordIn(error['code']) || wordIn(error['type']) || 'server_error' },
    },
  };
  return blockOf({ type: event.type, data: Buffer.from(JSON.stringify(event)) });
}

/** Headers that a `response.metadata` frame brings after the handshake; turn state goes its own way. */
export function metadataHeaders({ type, data }: Frame): (readonly [name: string, value: string])[] {
  if (type !== 'response.metadata') return [];
  const headers = Object.entries(recordOf(recordOf(parseJson(data))['headers']));
  return headers.flatMap(([name, value]) =>
    typeof value === 'string' && name.toLowerCase() !== 'x-codex-turn-state' ? [[name.toLowerCase(), value]] : [],
  );
}

const wordIn = (value: unknown): string => (typeof value === 'string' ? value : '');
