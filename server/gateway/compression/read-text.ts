/** Reads one JSON string, given as its bytes. */
import { isUtf8 } from 'node:buffer';

/** null when it is not one well-formed text: bytes that are no UTF-8 would come out as others than went in. */
export function readText(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
