/**
 * Items by which a conversation changes its effort from there on: `{"type":"configuration_update","reasoning":{…}}`.
 * Codex leaves `reasoning.effort` as it was at the beginning, because the provider's prompt cache compares prefixes.
 */
import { createMark } from '../../../lib/find-mark.ts';
import type { Place } from '../../../lib/json-edits.ts';
import { scanArray, type Member } from '../../../lib/json-spans.ts';
import { effortOf, memberOf, membersOf, shortText } from './read-members.ts';

export interface EffortUpdate {
  /** The item. */
  readonly place: Place;
  /** null when it names none, or nothing that is a word. */
  readonly effort: string | null;
  readonly isEffortReadable: boolean;
}

/**
 * In the order of the input; the last one holds. Most bodies hold none, which a few native searches tell.
 *
 * @param body - One that `readCodexAsk` read.
 * @throws {GatewayError} `invalid_request` where such an item gives a field twice or is not well written.
 */
export function effortUpdatesIn(body: Buffer): EffortUpdate[] {
  if (!mayHoldUpdate(body)) return [];
  const input = memberOf(membersOf(body), 'input');
  if (!input || body[input.start] !== openBracket) return [];
  return scanArray(body.subarray(input.start, input.end)).flatMap(({ start, end }) => {
    const at = input.start + start;
    const item = body.subarray(at, input.start + end);
    return item[0] === openBrace && mayHoldUpdate(item) ? readUpdate(item, { body, at }) : [];
  });
}

function readUpdate(item: Buffer, { body, at }: { body: Buffer; at: number }): EffortUpdate[] {
  const members = membersOf(item, at);
  if (!members.some((member) => member.key === 'type' && shortText(item, member) === updateType)) return [];
  memberOf(members, 'type', inItem);
  const effort = effortOf(item, memberOf(members, 'reasoning', inItem));
  const inBody = (member: Member) => ({ ...member, start: member.start + at, end: member.end + at });
  const place = { bytes: body, start: at, members: members.map(inBody) };
  return [{ place, effort: effort ?? null, isEffortReadable: effort !== undefined }];
}

/** A word of these letters is written as it is or with an escape of one of them: `\u005f`, `\u0061` to `\u007a`. */
function mayHoldUpdate(bytes: Buffer): boolean {
  return findUpdate(bytes) >= 0 || letterEscapes.some((escape) => bytes.includes(escape));
}

const updateType = 'configuration_update';
const inItem = { inside: `${updateType}.` };
const findUpdate = createMark(updateType, '_update');
const letterEscapes = [Buffer.from('\\u005'), Buffer.from('\\u006'), Buffer.from('\\u007')];
const openBrace = 0x7b;
const openBracket = 0x5b;
