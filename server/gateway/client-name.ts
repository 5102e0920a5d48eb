/** Which program is calling, for records only: never a reason to behave differently. */

/** `product/version` at the start of a user agent (RFC 9110 §10.1.5); anything else could be somebody's text. */
const product = /^([A-Za-z][A-Za-z0-9_.-]{0,40})\/(\d{1,6}(?:\.\d{1,6}){0,3})/;

/** @example readClientName('codex_exec/0.169.0 (Debian 12; x86_64)') // 'codex_exec/0.169.0' */
export function readClientName(userAgent: string | undefined): string | null {
  const match = product.exec(userAgent ?? '');
  return match ? `${match[1]}/${match[2]}` : null;
}
