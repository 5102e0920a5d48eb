/**
 * Counts tokens on this machine. The provider's own vocabulary is not public for every model; this one is near enough to
 * tell whether a text became shorter, at half the memory of the next larger one (40 MB). Loaded by whoever needs it.
 */
import type { CountTokens } from './shorten-text.ts';

/** A character is at most three bytes: no text is counted beyond 8 KiB, what is longer is put in proportion. */
const longestCount = 2_730;
/** Merging takes the square of the length of a word, so no word is longer than this. Nearly all lines fit. */
const piece = /[^\n]{1,127}\n?|\n/g;
/** Words of one text whose merging is remembered until the text is counted: they come again, line by line. */
const maxWords = 1_000;

export async function loadTokenCounter(): Promise<CountTokens> {
  const { countTokens, setMergeCacheSize, clearMergeCache } = await import('gpt-tokenizer/encoding/cl100k_base');
  setMergeCacheSize(maxWords);
  // What looks like a control token is text like any other here.
  const asText = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
  return (text) => {
    const counted = text.slice(0, longestCount);
    let tokens = 0;
    try {
      for (const [part] of counted.matchAll(piece)) tokens += countTokens(part, asText);
    } finally {
      // Nothing of the text outlives its count.
      clearMergeCache();
    }
    return Math.ceil((tokens * text.length) / Math.max(1, counted.length));
  };
}
