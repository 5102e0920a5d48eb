/** Tools that declare the shape of their outputs: whoever reads such an output may check it against that shape. */
import { readSpan, type Member } from '../../lib/json-spans.ts';

const mark = Buffer.from('output_schema');

/** Names of such tools among the `tools` of an object, those inside namespaces included. Most declare none. */
export function readSchemaBound(object: Buffer, members: readonly Member[]): Set<string> {
  const names = new Set<string>();
  for (const { key, start, end } of members) {
    if (key === 'tools' && object.subarray(start, end).includes(mark)) collect(readSpan(object, { start, end }), names);
  }
  return names;
}

function collect(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const each of value) collect(each, names);
  if (typeof value !== 'object' || value === null) return;
  const { name, output_schema: schema, tools, function: inner } = value as Record<string, unknown>;
  if (typeof name === 'string' && schema !== undefined && schema !== null) names.add(name);
  collect(tools, names);
  collect(inner, names);
}
