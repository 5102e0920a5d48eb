/**
 * Counts tokens on this machine. The provider's own vocabulary is not public for every model; this one is near enough to
 * tell whether a text became shorter, at half the memory of the next larger one (40 MB). Loaded by whoever needs it.
 */
import { hash } from 'node:crypto';
import { createExpiringMap } from '../../lib/expiring-map.ts';
import type { CountTokens } from './shorten-text.ts';

/** A character is at most three bytes: no text is counted beyond 8 KiB, what is longer is put in proportion. */
const longestCount = 2_730;
/** Merging takes the square of the length of a word, so no word is longer than this. Nearly all lines fit. */
const piece = /[^\n]{1,127}\n?|\n/g;
/** Counts of texts that come again with every turn of their conversation, by hash. */
const maxRemembered = 4_096;

export async function loadTokenCounter(): Promise<CountTokens> {
  const { countTokens, setMergeCacheSize } = await import('gpt-tokenizer/encoding/cl100k_base');
  // Otherwise it would keep words of the texts it has seen.
  setMergeCacheSize(0);
  // What looks like a control token is text like any other here.
  const asText = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
  const remembered = createExpiringMap<string, number>({ maxEntries: maxRemembered });
  const count = (text: string) => {
    const counted = text.slice(0, longestCount);
    let tokens = 0;
    for (const [part] of counted.matchAll(piece)) tokens += countTokens(part, asText);
    return Math.ceil((tokens * text.length) / Math.max(1, counted.length));
  };
  return (text) => {
    const key = hash('sha256', text, 'base64');
    const known = remembered.get(key, 0);
    if (known !== undefined) return known;
    const tokens = count(text);
    remembered.set(key, { value: tokens, endsMs: Infinity });
    return tokens;
  };
}
