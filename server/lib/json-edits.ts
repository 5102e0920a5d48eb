/** Changes to members of a JSON object as edits of its text, so that every other byte stays as it is. Pure. */
import { readSpan, type Member, type Span } from './json-spans.ts';

/** A replacement for `spliceSpans`; an empty span is a place to put something in. */
export type Edit = Span & { readonly value: string };

/** An object inside a text, with its members in order; spans count from the beginning of the text. */
export interface Place {
  readonly bytes: Buffer;
  /** Where the object's opening brace stands. */
  readonly start: number;
  readonly members: readonly Member[];
}

/** Gives a member this value; nothing when it has it. A new one comes last, so that what stands before stays a prefix. */
export function putMember({ bytes, start, members }: Place, { key, value }: { key: string; value: unknown }): Edit[] {
  const text = JSON.stringify(value);
  const member = members.findLast((each) => each.key === key);
  if (member)
    return readsAs(bytes, { span: member, value }) ? [] : [{ start: member.start, end: member.end, value: text }];
  const last = members.at(-1);
  const at = last ? last.end : start + 1;
  return [{ start: at, end: at, value: `${last ? ',' : ''}${JSON.stringify(key)}:${text}` }];
}

/** Takes a member out with the comma before it; the first, which has none, with the one behind. */
export function takeOutMember({ bytes, start, members }: Place, key: string): Edit[] {
  const index = members.findLastIndex((each) => each.key === key);
  const member = members[index];
  if (!member) return [];
  const before = members[index - 1];
  if (before) return [{ start: before.end, end: member.end, value: '' }];
  const end = members.length > 1 ? bytes.indexOf(comma, member.end) + 1 : member.end;
  return [{ start: start + 1, end, value: '' }];
}

/** Compares words and switches; anything long is something else, and is not built to find that out. */
function readsAs(bytes: Buffer, { span, value }: { span: Span; value: unknown }): boolean {
  return span.end - span.start <= longestWord && readSpan(bytes, span) === value;
}

const longestWord = 1024;
const comma = 0x2c;
