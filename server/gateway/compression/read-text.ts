/** Reads one JSON string out of a body. */
import { isUtf8 } from 'node:buffer';
import type { Span } from '../../lib/json-spans.ts';

/** null when it is not one well-formed text: bytes that are no UTF-8 would come out as others than went in. */
export function readText(body: Buffer, { start, end }: Span): string | null {
  const bytes = body.subarray(start, end);
  if (!isUtf8(bytes)) return null;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
