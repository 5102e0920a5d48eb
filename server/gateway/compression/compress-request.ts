/**
 * Shortens the tool outputs of a request body. Only the texts that became shorter are replaced, where they lie; every
 * other byte stays as it came. Pure but for the two functions it is given.
 */
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { spliceSpans, type Span } from '../../lib/json-spans.ts';
import type { CompressionFacts } from '../../usage/ledger-rows.ts';
import { findOutputs, leastBytes } from './find-outputs.ts';
import { readText } from './read-text.ts';
import type { ShortenText, ShortText } from './shorten-text.ts';

export interface CompressedBody {
  readonly body: Buffer;
  /** null: there was no tool output worth a look. */
  readonly facts: CompressionFacts | null;
}

export interface CompressingParts {
  readonly shorten: ShortenText;
  /** Has the whole body taken too long by now? */
  readonly isOutOfTime: () => boolean;
}

/** The first ones count: what a conversation grows by must not move the others out. */
const maxCandidates = 50;

/** Out of time, the body comes back as it was: half of it shortened would be a third version of the same conversation. */
export function compressRequest(body: Buffer, { shorten, isOutOfTime }: CompressingParts): CompressedBody {
  const tally = createTally();
  const replacements: (Span & { value: string })[] = [];
  let candidates = 0;
  for (const { span, skip } of findOutputs(body)) {
    if (isOutOfTime()) return { body, facts: factsOfSkip('out_of_time') };
    const text = readText(body, span);
    if (text !== null && Buffer.byteLength(text) < leastBytes) continue;
    if (skip !== null || text === null) {
      tally.skip(skip ?? 'not_text');
      continue;
    }
    candidates += 1;
    const short: ShortText = candidates > maxCandidates ? { skip: 'over_cap' } : shorten(text);
    const value = 'skip' in short ? null : JSON.stringify(short.text);
    if ('skip' in short || value === null) tally.skip('skip' in short ? short.skip : 'no_gain');
    else if (Buffer.byteLength(value) >= span.end - span.start) tally.skip('no_gain');
    else {
      tally.shorten(short, { bytesBefore: span.end - span.start, bytesAfter: Buffer.byteLength(value) });
      replacements.push({ ...span, value });
    }
  }
  return { body: replacements.length > 0 ? spliceSpans(body, replacements) : body, facts: tally.facts() };
}

/** Facts of a body that stayed as it was for one reason. */
export function factsOfSkip(skip: OutputSkip): CompressionFacts {
  return { ...nothingShortened, shortened: {}, skipped: { [skip]: 1 } };
}

const nothingShortened = { bytesBefore: 0, bytesAfter: 0, tokensBefore: 0, tokensAfter: 0 };

function createTally() {
  const shortened: Partial<Record<OutputKind, number>> = {};
  const skipped: Partial<Record<OutputSkip, number>> = {};
  const sums = { ...nothingShortened };
  let seen = 0;
  return {
    skip(reason: OutputSkip) {
      seen += 1;
      skipped[reason] = (skipped[reason] ?? 0) + 1;
    },
    shorten(
      { kind, tokensBefore, tokensAfter }: Exclude<ShortText, { skip: OutputSkip }>,
      { bytesBefore, bytesAfter }: { bytesBefore: number; bytesAfter: number },
    ) {
      seen += 1;
      shortened[kind] = (shortened[kind] ?? 0) + 1;
      sums.bytesBefore += bytesBefore;
      sums.bytesAfter += bytesAfter;
      sums.tokensBefore += tokensBefore;
      sums.tokensAfter += tokensAfter;
    },
    facts: (): CompressionFacts | null => (seen === 0 ? null : { shortened, skipped, ...sums }),
  };
}
