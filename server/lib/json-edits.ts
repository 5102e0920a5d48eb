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

/**
 * Takes members out, each with the comma before it; those in front, which have none, with the comma behind. A name that
 * stands twice goes twice.
 */
export function takeOutMembers({ bytes, start, members }: Place, keys: readonly string[]): Edit[] {
  const edits: Edit[] = [];
  let end = start + 1;
  let hasKept = false;
  members.forEach((member, index) => {
    const next = members[index + 1];
    if (keys.includes(member.key)) {
      const isLast = !hasKept && next && !keys.includes(next.key);
      edits.push({ start: end, end: isLast ? bytes.indexOf(comma, member.end) + 1 : member.end, value: '' });
    } else hasKept = true;
    end = member.end;
  });
  return edits;
}

/** Compares words and switches; anything long is something else, and is not built to find that out. */
function readsAs(bytes: Buffer, { span, value }: { span: Span; value: unknown }): boolean {
  return span.end - span.start <= longestWord && readSpan(bytes, span) === value;
}

const longestWord = 1024;
const comma = 0x2c;
