/** The `type` of an event, read from its JSON while building as little as possible. Pure. */
import { readSpan, scanObject } from './json-spans.ts';

/** The provider writes `type` first; then a short look is enough. */
const leadingType = /^\s*\{\s*"type"\s*:\s*"([\w.-]{1,80})"/;
const lookBytes = 120;

/**
 * The `type` of the event that a block carries; null for comments, `[DONE]` and data that is no JSON object. The JSON
 * decides, not the `event:` line: that is what clients go by.
 */
export function eventTypeOf(data: Buffer | null): string | null {
  if (!data || !mayBeObject(data)) return null;
  const match = leadingType.exec(data.toString('latin1', 0, Math.min(lookBytes, data.length)));
  if (match) return match[1] ?? null;
  return typeAnywhere(data);
}

/** Spaces may stand before the brace: only one of those after `data:` belongs to SSE. */
function mayBeObject(data: Buffer): boolean {
  let start = 0;
  while (data[start] === 0x20 || data[start] === 0x09 || data[start] === 0x0a) start += 1;
  return data[start] === 0x7b;
}

function typeAnywhere(data: Buffer): string | null {
  try {
    const member = scanObject(data).find(({ key }) => key === 'type');
    const type = member && member.end - member.start <= 100 ? readSpan(data, member) : null;
    return typeof type === 'string' ? type : null;
  } catch {
    return null; // Junk between good events is the client's to ignore (wire spec C1), and carries no fact for us.
  }
}
