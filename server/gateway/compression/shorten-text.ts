/** Shortens one text as far as it goes. The same text always becomes the same, wherever and whenever it is sent. */
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { leastBytes } from './find-outputs.ts';
import { shortenByKind } from './kinds/index.ts';
import { hasLinesLeftOut } from './leave-out.ts';

export type CountTokens = (text: string) => number;

export type ShortText =
  | {
      readonly kind: OutputKind;
      readonly text: string;
      readonly tokensBefore: number;
      readonly tokensAfter: number;
    }
  | { readonly skip: OutputSkip };

export type ShortenText = (text: string) => ShortText;

/** A text that still changes after so many steps is not understood. */
const maxSteps = 3;

/**
 * Each step must save bytes and tokens. It goes on until no step does, so that what comes out would not be shortened
 * again.
 */
export function shortenText(text: string, countTokens: CountTokens): ShortText {
  let result: ShortText = { skip: 'no_gain' };
  let current = text;
  for (let step = 0; step <= maxSteps; step += 1) {
    if (Buffer.byteLength(current) < leastBytes || hasLinesLeftOut(current)) return result;
    const next = shortenByKind(current);
    if ('skip' in next) return step === 0 ? next : result;
    if (Buffer.byteLength(next.text) >= Buffer.byteLength(current)) return result;
    const tokens = { before: countTokens(current), after: countTokens(next.text) };
    if (tokens.after >= tokens.before) return result;
    const tokensBefore: number = 'skip' in result ? tokens.before : result.tokensBefore;
    result = {
      kind: 'skip' in result ? next.kind : result.kind,
      text: next.text,
      tokensBefore,
      tokensAfter: tokens.after,
    };
    current = next.text;
  }
  return { skip: 'doubtful' };
}
