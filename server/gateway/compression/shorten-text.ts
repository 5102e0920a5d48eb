/** Shortens one text as far as it goes. The same text always becomes the same, wherever and whenever it is sent. */
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { leastBytes } from './find-outputs.ts';
import { shortenAs, shortenByKind } from './kinds/index.ts';
import { hasLinesLeftOut } from './leave-out.ts';

export type CountTokens = (text: string) => number;

export type ShortText =
  | {
      /** What it was taken for, step by step. */
      readonly steps: readonly OutputKind[];
      readonly text: string;
      readonly tokensBefore: number;
      readonly tokensAfter: number;
    }
  | { readonly skip: OutputSkip };

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
    // What an earlier step came to is counted already.
    const before: number = 'skip' in result ? countTokens(current) : result.tokensAfter;
    const tokensAfter = countTokens(next.text);
    if (tokensAfter >= before) return result;
    result = {
      steps: [...('skip' in result ? [] : result.steps), next.kind],
      text: next.text,
      tokensBefore: 'skip' in result ? before : result.tokensBefore,
      tokensAfter,
    };
    current = next.text;
  }
  return { skip: 'doubtful' };
}

/** The same once more for a text of which the steps are known: nothing is tried and nothing counted. */
export function repeatSteps(text: string, steps: readonly OutputKind[]): string {
  return steps.reduce((current, kind) => shortenAs(kind, current), text);
}
