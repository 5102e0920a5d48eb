/**
 * Reads a client's websocket frame: what kind it is, and, for a turn, the request it stands for as it would have come
 * over HTTP. A frame's body is an HTTP body with a few members more; those are taken out and every other byte stays
 * (wire spec A7.1).
 */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { putMember, takeOutMembers, type Edit } from '../../../lib/json-edits.ts';
import { JsonSyntaxError, readSpan, membersOrNull, spliceSpans, type Member } from '../../../lib/json-spans.ts';
import { withoutTurnState } from '../../../upstream/render-frame.ts';
import type { FrameEvent } from '../../carriers/websocket-session.ts';
import type { CodexRequest } from './read-ask.ts';
import { previousResponseHeader } from './read-names.ts';

type HeaderPair = readonly [name: string, value: string];

/** Members that only a frame has. */
const frameMembers = ['type', 'generate', 'request_id', 'turn_id', 'stream_id'];

/** What a frame asks of its session; null where nothing is to be done. */
export function readFrame(frame: Buffer): FrameEvent | null {
  const members = membersOrNull(frame);
  if (!members) return refusal('The frame is not a JSON object.');
  const type = shortText(frame, memberOf(members, 'type'));
  // Older clients say that they have seen an answer; nothing follows from it.
  if (type === 'response.processed') return null;
  const isTurn = type === 'response.create' || (memberOf(members, 'type') === undefined && hasModel(members));
  if (!isTurn) return refusal('The field "type" must be "response.create".');
  const generate = memberOf(members, 'generate');
  if (generate && frame.toString('latin1', generate.start, generate.end) === 'false') return { kind: 'warm_up' };
  const turnId = shortText(frame, memberOf(members, 'turn_id') ?? memberOf(members, 'request_id')) ?? null;
  return { kind: 'turn', frame, streamId: null, turnId };
}

/**
 * The request that a turn's frame stands for. What a client says in headers over HTTP it says in `client_metadata` here,
 * anew for each turn; the handshake's headers say the rest.
 *
 * @param options.handshake - Header pairs as they came.
 * @throws {GatewayError} `invalid_request` when its metadata cannot be read.
 */
export function readTurn(frame: Buffer, { handshake }: { handshake: readonly HeaderPair[] }): CodexRequest {
  const members = membersOrNull(frame) ?? [];
  const place = { bytes: frame, start: frame.indexOf(openBrace), members };
  const edits = [
    ...takeOutMembers(place, frameMembers),
    ...putMember(place, { key: 'stream', value: true }),
    ...turnStateEdits(frame, members),
  ];
  return {
    body: spliceSpans(frame, edits),
    headers: turnHeaders({ handshake, metadata: metadataOf(frame, memberOf(members, 'client_metadata')) }),
    upstreamPath: '/responses',
    isCompaction: false,
  };
}

/** The turn's state goes on as a header does: not with the body, but to the account that gave it. */
function turnStateEdits(frame: Buffer, members: readonly Member[]): Edit[] {
  try {
    return withoutTurnState(frame, members);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const detail = 'The field "client_metadata" is not valid JSON.';
    throw new GatewayError('invalid_request', { param: 'client_metadata', detail, cause: error });
  }
}

function refusal(detail: string): FrameEvent {
  return { kind: 'refusal', code: 'invalid_request', detail, streamId: null };
}

/** Which of two counts is of no weight here: what decides is read once more, and refused when it stands twice. */
function memberOf(members: readonly Member[], name: string): Member | undefined {
  return members.find(({ key }) => key === name);
}

function hasModel(members: readonly Member[]): boolean {
  return memberOf(members, 'model') !== undefined;
}

/** Ids and types are short; anything longer is neither. */
const longestWord = 256;

function shortText(frame: Buffer, member: Member | undefined): string | undefined {
  if (!member || member.end - member.start > longestWord) return undefined;
  const value = valueOf(frame, member);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Metadata of a turn takes about a kilobyte. */
const longestMetadata = 64 * 1024;

function metadataOf(frame: Buffer, member: Member | undefined): ReadonlyMap<string, string> {
  const value = member && member.end - member.start <= longestMetadata ? valueOf(frame, member) : null;
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(
    Object.entries(value).filter((entry): entry is [string, string] => isHeaderValue(entry[1] as unknown)),
  );
}

/** What is wrong inside a string is found again, and refused, where the body is read. */
function valueOf(frame: Buffer, member: Member): unknown {
  try {
    return readSpan(frame, member);
  } catch {
    return undefined;
  }
}

/** What is sent as a header must be able to be one (RFC 9110 §5.5). */
function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e]+$/.test(value);
}

/** Names under which metadata says what a header says over HTTP. */
const headersInMetadata: ReadonlyMap<string, string> = new Map([
  ['session_id', 'session-id'],
  ['thread_id', 'thread-id'],
  ...['turn-metadata', 'turn-state', 'window-id', 'parent-thread-id'].map((name): [string, string] => [
    `x-codex-${name}`,
    `x-codex-${name}`,
  ]),
  ['x-openai-subagent', 'x-openai-subagent'],
]);

/** What belongs to one request, and a socket outlives it. */
const ofOneTurn: ReadonlySet<string> = new Set(['accept', 'x-codex-turn-state', previousResponseHeader]);

/** Any header of a request may be said so, e.g. `ws_request_header_x_openai_internal_codex_responses_lite`. */
const headerMark = 'ws_request_header_';

function turnHeaders({
  handshake,
  metadata,
}: {
  handshake: readonly HeaderPair[];
  metadata: ReadonlyMap<string, string>;
}): HeaderPair[] {
  const said = new Map<string, string>();
  for (const [key, value] of metadata) {
    const name = key.startsWith(headerMark)
      ? key.slice(headerMark.length).replaceAll('_', '-').toLowerCase()
      : headersInMetadata.get(key);
    if (name !== undefined) said.set(name, value);
  }
  const kept = handshake.flatMap(([name, value]): HeaderPair[] => {
    const lower = name.toLowerCase();
    if (said.has(lower) || ofOneTurn.has(lower)) return [];
    if (lower !== 'openai-beta') return [[lower, value]];
    const others = value.split(',').filter((each) => !each.trim().startsWith('responses_websockets='));
    return others.length > 0 ? [[lower, others.join(',').trim()]] : [];
  });
  return [...kept, ...said, ['accept', 'text/event-stream']];
}

const openBrace = 0x7b;
