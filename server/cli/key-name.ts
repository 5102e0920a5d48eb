/** How a key is named on the command line. */
import { printable } from './plain-text.ts';

export const keyText = 'its name, its start (sk-cxp-…) or its id';

/** People paste whole keys; only the start names one, and only the start may be repeated. */
export function startOf(key: string): string {
  return printable(/^(sk-cxp-[0-9a-f]{12})-/.exec(key.trim())?.[1] ?? key);
}
