/**
 * What goes to the provider over a websocket: the handshake's headers, and one frame per turn, which is the body of the
 * HTTP request with a word in front; every other byte stays as it is (wire spec A3.2, A7.1). Pure.
 */
import { putMember, takeOutMembers, type Edit, type Place } from '../lib/json-edits.ts';
import { readSpan, scanObject, spliceSpans, type Member } from '../lib/json-spans.ts';
import { accountHeaders } from './account-headers.ts';

/** The name of the protocol; a handshake without it is refused (wire spec A3.2). */
const protocol = ['openai-beta', 'responses_websockets=2026-02-06'] as const;

/** What belongs to one request and so is said in its frame, or to HTTP alone. */
const notInHandshake = new Set([
  'accept',
  'content-type',
  'openai-beta',
  'x-codex-turn-state',
  'x-openai-internal-codex-responses-lite',
]);

/** The client's own identity first, then what belongs to the account, as on HTTP. */
export function handshakeHeaders(
  ask: Parameters<typeof accountHeaders>[0] & { identityHeaders: readonly (readonly [name: string, value: string])[] },
): (readonly [name: string, value: string])[] {
  const own = ask.identityHeaders.filter(([name]) => !notInHandshake.has(name));
  return [...own, protocol, ...accountHeaders(ask)];
}

const turnStateName = 'x-codex-turn-state';

/**
 * @param options.turnState - Of this account; what the client says of another account's is left out.
 * @example String(renderFrame(Buffer.from('{"model":"m"}'), { turnState: null })) // {"type":"response.create","model":"m"}
 */
export function renderFrame(body: Buffer, { turnState }: { turnState: string | null }): Buffer {
  const members = scanObject(body);
  const start = body.indexOf(openBrace);
  const word = `"type":"response.create"${members.length > 0 ? ',' : ''}`;
  const kind: Edit = { start: start + 1, end: start + 1, value: word };
  return spliceSpans(body, [kind, ...turnStateEdits(body, { start, members, turnState })]);
}

function turnStateEdits(
  body: Buffer,
  { start, members, turnState }: { start: number; members: readonly Member[]; turnState: string | null },
): Edit[] {
  if (turnState === null) return withoutTurnState(body, members);
  const metadata = members.find(({ key }) => key === 'client_metadata');
  if (metadata && body[metadata.start] === openBrace)
    return putMember(placeOf(body, metadata), { key: turnStateName, value: turnState });
  return putMember({ bytes: body, start, members }, { key: 'client_metadata', value: { [turnStateName]: turnState } });
}

/**
 * Takes out what a frame says of its turn's state: only the account that gave it may see it again.
 *
 * @throws {JsonSyntaxError} when the metadata is no JSON.
 */
export function withoutTurnState(body: Buffer, members: readonly Member[]): Edit[] {
  const objects = members.filter(({ key, start }) => key === 'client_metadata' && body[start] === openBrace);
  return objects.flatMap((metadata) => takeOutMembers(placeOf(body, metadata), [turnStateName]));
}

/** An object inside the body, its spans counted from the body's beginning. */
function placeOf(body: Buffer, { start, end }: Member): Place {
  const members = scanObject(body.subarray(start, end));
  const moved = members.map((member) => ({ ...member, start: member.start + start, end: member.end + start }));
  return { bytes: body, start, members: moved };
}

/** The answer a frame goes on from; null when it stands for itself. */
export function previousResponseIn(body: Buffer): string | null {
  const member = scanObject(body).find(({ key }) => key === 'previous_response_id');
  const id = member && readSpan(body, member);
  return typeof id === 'string' && id !== '' ? id : null;
}

const openBrace = 0x7b;
