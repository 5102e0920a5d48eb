/** Reads one JSON string, given as its bytes. */
import { isUtf8 } from 'node:buffer';
import { parseJson } from '../../lib/json-values.ts';

/** null when it is not one well-formed text: bytes that are no UTF-8 would come out as others than went in. */
export function readText(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  const value = parseJson(bytes);
  return typeof value === 'string' ? value : null;
}
