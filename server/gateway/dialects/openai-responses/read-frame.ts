/**
 * Reads a frame of a `/v1` websocket: what kind it is and what its client calls its stream, found in place. The request
 * itself is read when its turn comes (v1 spec 4.6). Pure.
 */
import { readSpan, membersOrNull, type Member } from '../../../lib/json-spans.ts';
import type { FrameEvent } from '../../carriers/websocket-session.ts';

/** What a frame asks of its session; null where nothing is to be done. */
export function readFrame(frame: Buffer): FrameEvent | null {
  const members = membersOrNull(frame);
  if (!members) return refusal('The frame is not a JSON object.');
  const type = valueOf(frame, memberOf(members, 'type'));
  // Codex says that it has seen an answer; nothing follows from it.
  if (type === 'response.processed') return null;
  const asked = memberOf(members, 'stream_id');
  const given = valueOf(frame, asked);
  const streamId = typeof given === 'string' && streamName.test(given) ? given : null;
  if (type !== 'response.create')
    return refusal('The field "type" must be "response.create".', { param: 'type', streamId });
  if (asked && streamId === null && given !== null)
    return refusal("'stream_id' must be 1 to 256 letters, digits, dots, dashes or underscores.", {
      param: 'stream_id',
    });
  return { kind: 'turn', frame, turnId: null, streamId };
}

const streamName = /^[A-Za-z0-9_.-]{1,256}$/;

function refusal(
  detail: string,
  { param, streamId = null }: { param?: string; streamId?: string | null } = {},
): FrameEvent {
  return { kind: 'refusal', code: 'invalid_request', param, detail, streamId };
}

/** Where a member stands twice, the last counts, as it does when the whole frame is read. */
function memberOf(members: readonly Member[], name: string): Member | undefined {
  return members.findLast(({ key }) => key === name);
}

/** Names are short; anything longer is none. */
const longestName = 1_024;

function valueOf(frame: Buffer, member: Member | undefined): unknown {
  if (!member || member.end - member.start > longestName) return undefined;
  try {
    return readSpan(frame, member);
  } catch {
    return undefined; // Broken inside: no name either.
  }
}
