/**
 * Shortens one output as it stands in a body. Outputs come again with every turn of their conversation, so what was
 * decided of one is remembered by its hash: it is looked through and counted once, and becomes the same every time.
 */
import { hash } from 'node:crypto';
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { createExpiringMap } from '../../lib/expiring-map.ts';
import { readText } from './read-text.ts';
import { repeatSteps, shortenText, type CountTokens } from './shorten-text.ts';

/** About 150 bytes each: hash, words and numbers, never the text. */
const maxRemembered = 4_096;

type Decision =
  | { readonly skip: OutputSkip }
  | { readonly steps: readonly OutputKind[]; readonly tokensBefore: number; readonly tokensAfter: number };

export type ShortOutput =
  | { readonly skip: OutputSkip }
  | {
      readonly kind: OutputKind;
      /** The JSON string to stand in its place. */
      readonly value: string;
      readonly bytesAfter: number;
      readonly tokensBefore: number;
      readonly tokensAfter: number;
    };

export interface OutputShortener {
  /** @param output - The JSON string, quotes included. */
  shorten(output: Buffer): ShortOutput;
}

export function createOutputShortener(countTokens: CountTokens): OutputShortener {
  const decisions = createExpiringMap<string, Decision>({ maxEntries: maxRemembered });
  return {
    shorten(output) {
      const key = hash('sha256', output, 'base64');
      const known = decisions.get(key, 0);
      if (known) return 'skip' in known ? known : repeat(output, known);
      const { decision, result } = decide(output, countTokens);
      decisions.set(key, { value: decision, endsMs: Infinity });
      return result;
    },
  };
}

interface Decided {
  readonly decision: Decision;
  readonly result: ShortOutput;
}

function skipped(skip: OutputSkip): Decided {
  return { decision: { skip }, result: { skip } };
}

function decide(output: Buffer, countTokens: CountTokens): Decided {
  const text = readText(output);
  if (text === null) return skipped('not_text');
  const short = shortenText(text, countTokens);
  if ('skip' in short) return skipped(short.skip);
  const { steps, tokensBefore, tokensAfter } = short;
  const decision = { steps, tokensBefore, tokensAfter };
  const result = written(short.text, decision);
  return result.bytesAfter < output.length ? { decision, result } : skipped('no_gain');
}

function repeat(output: Buffer, decision: Exclude<Decision, { skip: OutputSkip }>): ShortOutput {
  const text = readText(output);
  if (text === null) throw new Error('an output was a text before and is none now');
  return written(repeatSteps(text, decision.steps), decision);
}

function written(text: string, { steps, tokensBefore, tokensAfter }: Exclude<Decision, { skip: OutputSkip }>) {
  const value = JSON.stringify(text);
  return { kind: steps[0]!, value, bytesAfter: Buffer.byteLength(value), tokensBefore, tokensAfter };
}
