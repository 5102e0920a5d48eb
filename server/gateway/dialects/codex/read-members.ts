/**
 * Reads single members of a native Codex body where they stand. A body that is wrong there is refused naming the place
 * and never what is written in it.
 */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { JsonSyntaxError, readSpan, scanObject, type Member, type Span } from '../../../lib/json-spans.ts';

/** @param offset - Where the object begins in the body, so that the refusal names the right byte. */
export function membersOf(object: Buffer, offset = 0): Member[] {
  try {
    return scanObject(object);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new GatewayError('invalid_request', {
      detail: `The body is not a JSON object (byte ${offset + error.offset}).`,
      cause: error,
    });
  }
}

/**
 * A field we decide by must be there once: two readers of a duplicate may each see another value.
 *
 * @param options.inside - The object it stands in, with a dot, for the refusal.
 */
export function memberOf(members: readonly Member[], name: string, { inside = '' } = {}): Member | undefined {
  const found = members.filter(({ key }) => key === name);
  const param = inside + name;
  if (found.length > 1)
    throw new GatewayError('invalid_request', { param, detail: `The field "${param}" is given twice.` });
  return found[0];
}

/** Names and tiers are short; anything longer is not one. */
const longestName = 1024;

export function shortText(body: Buffer, span: Span | undefined): string | undefined {
  const value = span && span.end - span.start <= longestName ? valueOf(body, span) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The effort as a word; null when none is named, undefined when something is named that is no word. */
export function effortOf(body: Buffer, span: Span | undefined): string | null | undefined {
  if (!span || isNull(body, span)) return null;
  if (body[span.start] !== 0x7b) return undefined;
  const reasoning = body.subarray(span.start, span.end);
  const effort = memberOf(membersOf(reasoning, span.start), 'effort', { inside: 'reasoning.' });
  if (!effort || isNull(reasoning, effort)) return null;
  return wordOf(shortText(reasoning, effort)) ?? undefined;
}

function isNull(bytes: Buffer, { start, end }: Span): boolean {
  return bytes.toString('latin1', start, Math.min(end, start + 5)) === 'null';
}

/** Words go into records; anything else could be somebody's text. */
export function wordOf(text: string | undefined): string | null {
  return text !== undefined && /^[a-z0-9_.-]{1,40}$/i.test(text) ? text : null;
}

/** A string whose escapes are broken passes the structural scan and fails here. */
export function valueOf(body: Buffer, span: Span): unknown {
  try {
    return readSpan(body, span);
  } catch (error) {
    throw new GatewayError('invalid_request', {
      detail: `The body is not valid JSON (byte ${span.start}).`,
      cause: error,
    });
  }
}
