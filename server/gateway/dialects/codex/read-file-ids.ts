/** Which uploaded files a request refers to (wire spec A12), found in place without reading the input as JSON. */
import { createMark } from '../../../lib/find-mark.ts';
import type { Span } from '../../../lib/json-spans.ts';
import { fileIdPattern } from '../../attempt/read-file-id.ts';

/** In a text of the conversation their quotes would be escaped. */
const marks = [
  { mark: '"file_id"', find: createMark('"file_id"', '_id"') },
  { mark: '"sediment://', find: createMark('"sediment://', 'sedimen') },
] as const;
const reference = /^(?:"file_id"\s*:\s*"|"sediment:\/\/)([\w.-]{1,200})"/;
const longestReference = 256;
/** More files than anybody refers to; whatever follows is left to the provider. */
const maxFiles = 100;

/** Each id once, in no order that means anything. */
export function fileIdsIn(body: Buffer, input: Span | undefined): string[] {
  if (!input) return [];
  const items = body.subarray(input.start, input.end);
  const found = new Set<string>();
  for (const { mark, find } of marks) {
    for (let at = find(items); at >= 0 && found.size < maxFiles; at = find(items, at + mark.length)) {
      const id = reference.exec(items.toString('latin1', at, at + longestReference))?.[1];
      if (id !== undefined && fileIdPattern.test(id)) found.add(id);
    }
  }
  return [...found];
}
