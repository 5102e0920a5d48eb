/** Reads one SSE block: its data and the type of the event in it, building as little as possible. */
import { readSpan, scanObject } from '../../lib/json-spans.ts';

/**
 * The data of a block: the values of its `data` lines, joined by LF. null when it has none (comments, `retry:` …).
 * A single data line, the normal case, is a view into the block.
 */
export function dataOf(block: Buffer): Buffer | null {
  const values: Buffer[] = [];
  let start = block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf ? 3 : 0;
  while (start < block.length) {
    const end = lineEnd(block, start);
    const value = dataValue(block, { start, end });
    if (value) values.push(value);
    start = end + 1;
  }
  if (values.length < 2) return values[0] ?? null;
  return Buffer.concat(values.flatMap((value, index) => (index === 0 ? [value] : [newline, value])));
}

const newline = Buffer.from('\n');
const dataField = Buffer.from('data');

function dataValue(block: Buffer, { start, end }: { start: number; end: number }): Buffer | null {
  for (let index = 0; index < dataField.length; index += 1) if (block[start + index] !== dataField[index]) return null;
  const afterName = start + dataField.length;
  if (afterName === end) return block.subarray(end, end);
  if (block[afterName] !== 0x3a) return null;
  const valueStart = block[afterName + 1] === 0x20 ? afterName + 2 : afterName + 1;
  return block.subarray(Math.min(valueStart, end), end);
}

function lineEnd(block: Buffer, start: number): number {
  for (let position = start; position < block.length; position += 1) {
    if (block[position] === 0x0a || block[position] === 0x0d) return position;
  }
  return block.length;
}

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

/** The event as an object, or null when it is no JSON object. */
export function parseEvent(data: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null; // As above: not ours to judge.
  }
}
