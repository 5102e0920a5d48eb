/**
 * Puts into a native Codex body what policy enforces, in place: every other byte stays as the client wrote it, because
 * the provider's prompt cache compares prefixes (wire spec A4, E 1–3).
 */
import { putMember, takeOutMembers, type Edit, type Place } from '../../../lib/json-edits.ts';
import { scanObject, spliceSpans } from '../../../lib/json-spans.ts';

/** An absent field stays as it is. */
export interface BodyChanges {
  readonly model?: string;
  /** `reasoning.effort`. */
  readonly effort?: string;
  /** null takes the field out. */
  readonly serviceTier?: string | null;
}

/**
 * @param body - One that `readCodexAsk` read: well formed, and without a second `model`, `reasoning` or `service_tier`.
 * @returns the very same buffer when it says already what it shall.
 */
export function changeBody(body: Buffer, changes: BodyChanges): Buffer {
  const { model, effort, serviceTier } = changes;
  if (model === undefined && effort === undefined && serviceTier === undefined) return body;
  const place = { bytes: body, start: body.indexOf(openBrace), members: scanObject(body) };
  const edits: Edit[] = [];
  if (model !== undefined) edits.push(...putMember(place, { key: 'model', value: model }));
  if (effort !== undefined) edits.push(...putEffort(place, effort));
  if (serviceTier === null) edits.push(...takeOutMembers(place, ['service_tier']));
  else if (serviceTier !== undefined) edits.push(...putMember(place, { key: 'service_tier', value: serviceTier }));
  return edits.length === 0 ? body : spliceSpans(body, edits);
}

/**
 * Gives items another effort; nothing when they have it.
 *
 * @param body - The one they were found in.
 */
export function changeEfforts(
  body: Buffer,
  changes: readonly { readonly place: Place; readonly effort: string }[],
): Buffer {
  const edits = changes.flatMap(({ place, effort }) => putEffort(place, effort));
  return edits.length === 0 ? body : spliceSpans(body, edits);
}

/** What is no object cannot hold an effort, and is replaced. */
function putEffort(place: Place, effort: string): Edit[] {
  const { bytes, members } = place;
  const reasoning = members.find(({ key }) => key === 'reasoning');
  if (!reasoning || bytes[reasoning.start] !== openBrace)
    return putMember(place, { key: 'reasoning', value: { effort } });
  const { start } = reasoning;
  const inside = scanObject(bytes.subarray(start, reasoning.end));
  const moved = inside.map((member) => ({ ...member, start: member.start + start, end: member.end + start }));
  return putMember({ bytes, start, members: moved }, { key: 'effort', value: effort });
}

const openBrace = 0x7b;
