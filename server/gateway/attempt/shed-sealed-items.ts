/**
 * Items of a request's input that an account sealed and only that account can open: reasoning, above all. Found and left
 * out where they stand; every other byte stays as it came. Pure.
 */
import { readSpan, scanArray, scanObject, spliceSpans, type Member, type Span } from '../../lib/json-spans.ts';

export interface SealedItem {
  /** Its place in the input. */
  readonly index: number;
  readonly encryptedContent: string;
}

const mark = Buffer.from('encrypted_content');
const openBrace = 0x7b;
const openBracket = 0x5b;

/**
 * In the order of the input. Compactions are not among them, because nothing stands for what they hold; nor are calls
 * and their outputs, which need each other.
 */
export function sealedItemsIn(body: Buffer): SealedItem[] {
  if (!body.includes(mark)) return [];
  const input = inputOf(body);
  if (!input) return [];
  return scanArray(input).flatMap((span, index) => {
    const encryptedContent = contentOf(input.subarray(span.start, span.end));
    return encryptedContent === null ? [] : [{ index, encryptedContent }];
  });
}

/** The body without the input items at these places. */
export function withoutItems(body: Buffer, indexes: ReadonlySet<number>): Buffer {
  const input = inputOf(body);
  if (!input || indexes.size === 0) return body;
  const offset = input.byteOffset - body.byteOffset;
  const cuts = cutsOf(scanArray(input), indexes);
  return spliceSpans(
    body,
    cuts.map(({ start, end }) => ({ start: start + offset, end: end + offset, value: '' })),
  );
}

/** What to cut so that each item goes with one comma: up to the next item, or, at the end, from the one before. */
function cutsOf(items: readonly Span[], indexes: ReadonlySet<number>): Span[] {
  const lastKept = items.findLastIndex((_item, index) => !indexes.has(index));
  const before = items.slice(0, lastKept + 1).flatMap((item, index) => {
    const next = items[index + 1];
    return indexes.has(index) && next ? [{ start: item.start, end: next.start }] : [];
  });
  const first = items[lastKept + 1];
  const last = items.at(-1);
  if (!first || !last) return before;
  return [...before, { start: items[lastKept]?.end ?? first.start, end: last.end }];
}

function inputOf(body: Buffer): Buffer | null {
  const input = scanObject(body).find(({ key }) => key === 'input');
  return input && body[input.start] === openBracket ? body.subarray(input.start, input.end) : null;
}

function contentOf(item: Buffer): string | null {
  if (item[0] !== openBrace || !item.includes(mark)) return null;
  const members = scanObject(item);
  const isCall = members.some(({ key }) => key === 'call_id');
  const type = textOf(item, named(members, 'type'));
  if (isCall || type === null || type.startsWith('compaction')) return null;
  return textOf(item, named(members, 'encrypted_content'));
}

function named(members: readonly Member[], name: string): Member | undefined {
  return members.find(({ key }) => key === name);
}

function textOf(item: Buffer, span: Span | undefined): string | null {
  if (!span) return null;
  try {
    const value = readSpan(item, span);
    return typeof value === 'string' && value !== '' ? value : null;
  } catch {
    return null; // A broken escape: the provider says what it thinks of it.
  }
}
