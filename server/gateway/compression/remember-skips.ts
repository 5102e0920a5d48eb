/** Texts that nothing shortens come again with every turn of their conversation; they are looked through once. */
import { hash } from 'node:crypto';
import type { OutputSkip } from '../../contract/vocabulary.ts';
import { createExpiringMap } from '../../lib/expiring-map.ts';
import type { ShortenText } from './shorten-text.ts';

/** About 100 bytes each: hash and word, never the text. */
const maxRemembered = 4_096;

/** Because a text always becomes the same, remembering changes nothing but the time it takes. */
export function rememberSkips(shorten: ShortenText): ShortenText {
  const skips = createExpiringMap<string, OutputSkip>({ maxEntries: maxRemembered });
  return (text) => {
    const key = hash('sha256', text, 'base64');
    const known = skips.get(key, 0);
    if (known !== undefined) return { skip: known };
    const short = shorten(text);
    if ('skip' in short) skips.set(key, { value: short.skip, endsMs: Infinity });
    return short;
  };
}
