/** Reads one SSE block: its data and the event in it. */
import { isRecord, parseJson } from '../../lib/json-values.ts';

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

/** The event as an object, or null when it is no JSON object. */
export function parseEvent(data: Buffer): Record<string, unknown> | null {
  const value = parseJson(data);
  return isRecord(value) ? value : null;
}
