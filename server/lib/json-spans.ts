/**
 * Finds where values lie in JSON text without building them, so a body can be read and spliced while every other byte
 * stays as it came (the provider's prompt cache compares prefixes byte by byte). One pass over the bytes; strings are
 * skipped with a native search. The structure is checked completely; the inside of strings is left to the reader.
 */

/** Where a value lies: `start` inclusive, `end` exclusive, in bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member extends Span {
  readonly key: string;
}

/** JSON that is not well formed; `offset` is the byte where reading stopped. */
export class JsonSyntaxError extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super(`not valid JSON at byte ${offset}`);
    this.name = 'JsonSyntaxError';
    this.offset = offset;
  }
}

/** Deeper nesting is refused: no client nests this far, and each level costs memory in every later reader. */
export const maxDepth = 512;
/** More are refused: no object of this protocol has so many fields, and every later reader looks through them. */
export const maxMembers = 10_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The members of the object that is the whole of `bytes`, in order, duplicates included.
 *
 * @example scanObject(Buffer.from('{"a": 1}')) // [{ key: 'a', start: 6, end: 7 }]
 * @throws {JsonSyntaxError} when the text is not one well-formed JSON object.
 */
export function scanObject(bytes: Buffer): Member[] {
  return scanWhole(bytes, openBrace, membersAt);
}

/** The same, or null when the text is no such object. */
export function membersOrNull(bytes: Buffer): Member[] | null {
  try {
    return scanObject(bytes);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null;
    throw error;
  }
}

/**
 * The elements of the array that is the whole of `bytes`, in order.
 *
 * @throws {JsonSyntaxError} when the text is not one well-formed JSON array.
 */
export function scanArray(bytes: Buffer): Span[] {
  return scanWhole(bytes, openBracket, elementsAt);
}

/** The value of a span as text, parsed. Only for small values: it builds what it reads. */
export function readSpan(bytes: Buffer, span: Span): unknown {
  return JSON.parse(bytes.toString('utf8', span.start, span.end));
}

/** The bytes with some spans replaced, all others untouched. Spans must not overlap; order does not matter. */
export function spliceSpans(bytes: Buffer, replacements: readonly (Span & { readonly value: string })[]): Buffer {
  const pieces: Buffer[] = [];
  let position = 0;
  for (const { start, end, value } of replacements.toSorted((a, b) => a.start - b.start)) {
    pieces.push(bytes.subarray(position, start), Buffer.from(value));
    position = end;
  }
  pieces.push(bytes.subarray(position));
  return Buffer.concat(pieces);
}

type Part = (bytes: Buffer, at: number) => { parts: unknown[]; end: number };

function scanWhole<P extends Part>(bytes: Buffer, opening: number, read: P): ReturnType<P>['parts'] {
  const start = skipSpace(bytes, bytes.subarray(0, 3).equals(byteOrderMark) ? 3 : 0);
  if (bytes[start] !== opening) throw new JsonSyntaxError(start);
  const { parts, end } = read(bytes, start);
  const rest = skipSpace(bytes, end);
  if (rest !== bytes.length) throw new JsonSyntaxError(rest);
  return parts;
}

function membersAt(bytes: Buffer, at: number): { parts: Member[]; end: number } {
  const parts: Member[] = [];
  let position = skipSpace(bytes, at + 1);
  if (bytes[position] === closeBrace) return { parts, end: position + 1 };
  for (;;) {
    if (parts.length === maxMembers) throw new JsonSyntaxError(position);
    const keyStart = position;
    const keyEnd = endOfString(bytes, keyStart);
    position = skipSpace(bytes, keyEnd);
    if (bytes[position] !== colon) throw new JsonSyntaxError(position);
    const start = skipSpace(bytes, position + 1);
    const end = endOfValue(bytes, start);
    parts.push({ key: readKey(bytes, { start: keyStart, end: keyEnd }), start, end });
    position = skipSpace(bytes, end);
    if (bytes[position] === closeBrace) return { parts, end: position + 1 };
    if (bytes[position] !== comma) throw new JsonSyntaxError(position);
    position = skipSpace(bytes, position + 1);
  }
}

function elementsAt(bytes: Buffer, at: number): { parts: Span[]; end: number } {
  const parts: Span[] = [];
  let position = skipSpace(bytes, at + 1);
  if (bytes[position] === closeBracket) return { parts, end: position + 1 };
  for (;;) {
    const end = endOfValue(bytes, position);
    parts.push({ start: position, end });
    position = skipSpace(bytes, end);
    if (bytes[position] === closeBracket) return { parts, end: position + 1 };
    if (bytes[position] !== comma) throw new JsonSyntaxError(position);
    position = skipSpace(bytes, position + 1);
  }
}

/** A key may be written with escapes (`"mod\u0065l"`); it is compared by what it means. */
function readKey(bytes: Buffer, span: Span): string {
  try {
    return JSON.parse(bytes.toString('utf8', span.start, span.end)) as string;
  } catch {
    throw new JsonSyntaxError(span.start);
  }
}

function endOfValue(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === quote) return endOfString(bytes, at);
  if (first === openBrace || first === openBracket) return endOfNested(bytes, at);
  return endOfScalar(bytes, at);
}

/** What the grammar allows next; a small integer because this is the hottest loop of the request path. */
const wantValue = 0;
const wantValueOrClose = 1;
const wantKey = 2;
const wantKeyOrClose = 3;
const wantCommaOrClose = 4;

/**
 * Walks a nested value without recursion, so hostile nesting cannot exhaust the call stack. `closers` holds what each
 * open level waits for.
 */
function endOfNested(bytes: Buffer, at: number): number {
  const closers: number[] = [];
  let closer = 0;
  let want = wantValue;
  let position = at;
  for (;;) {
    position = skipSpace(bytes, position);
    const byte = bytes[position];
    if (byte === closer && want !== wantValue && want !== wantKey) {
      position += 1;
      closers.pop();
      if (closers.length === 0) return position;
      closer = closers[closers.length - 1]!;
      want = wantCommaOrClose;
    } else if (want === wantCommaOrClose) {
      if (byte !== comma) throw new JsonSyntaxError(position);
      want = closer === closeBrace ? wantKey : wantValue;
      position += 1;
    } else if (want >= wantKey) {
      position = skipSpace(bytes, endOfString(bytes, position));
      if (bytes[position] !== colon) throw new JsonSyntaxError(position);
      want = wantValue;
      position += 1;
    } else if (byte === openBrace || byte === openBracket) {
      if (closers.length >= maxDepth) throw new JsonSyntaxError(position);
      closer = byte === openBrace ? closeBrace : closeBracket;
      closers.push(closer);
      want = byte === openBrace ? wantKeyOrClose : wantValueOrClose;
      position += 1;
    } else {
      position = byte === quote ? endOfString(bytes, position) : endOfScalar(bytes, position);
      want = wantCommaOrClose;
    }
  }
}

/** Most keys and words are shorter than this; a native search costs more than it saves on them. */
const shortString = 24;

/** The byte after the closing quote: the next quote that an even number of backslashes precedes. */
function endOfString(bytes: Buffer, at: number): number {
  if (bytes[at] !== quote) throw new JsonSyntaxError(at);
  let position = at + 1;
  const limit = position + shortString;
  while (position < limit) {
    const byte = bytes[position];
    if (byte === quote) return position + 1;
    if (byte === backslash) position += 1;
    position += 1;
  }
  for (;;) {
    const end = bytes.indexOf(quote, position);
    if (end === -1) throw new JsonSyntaxError(bytes.length);
    let slashes = 0;
    while (end - 1 - slashes >= position && bytes[end - 1 - slashes] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
    position = end + 1;
  }
}

const words = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function endOfScalar(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first !== undefined && first >= 0x61) {
    for (const word of words) if (startsWith(bytes, { at, word })) return at + word.length;
    throw new JsonSyntaxError(at);
  }
  let end = at;
  while (isNumberByte(bytes[end])) end += 1;
  const isPlainDigit = end - at === 1 && first !== undefined && first >= 0x30 && first <= 0x39;
  // Numbers of hundreds of digits are legal JSON and nobody's request.
  if (!isPlainDigit && (end - at > 400 || !number.test(bytes.toString('latin1', at, end))))
    throw new JsonSyntaxError(at);
  return end;
}

function startsWith(bytes: Buffer, { at, word }: { at: number; word: Buffer }): boolean {
  for (let index = 0; index < word.length; index += 1) if (bytes[at + index] !== word[index]) return false;
  return !isWordByte(bytes[at + word.length]);
}

function isWordByte(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39));
}

function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45 || byte === 0x65
  );
}

function skipSpace(bytes: Buffer, at: number): number {
  let position = at;
  for (;;) {
    const byte = bytes[position];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return position;
    position += 1;
  }
}
