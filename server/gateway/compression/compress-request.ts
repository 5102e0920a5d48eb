/**
 * Shortens the tool outputs of a request body. Only the texts that became shorter are replaced, where they lie; every
 * other byte stays as it came. It stops before each output, so that whoever runs it can let others go first.
 */
import type { CompressionFacts } from '../../contract/decisions.ts';
import type { OutputKind, OutputSkip } from '../../contract/vocabulary.ts';
import { spliceSpans, type Span } from '../../lib/json-spans.ts';
import { findOutputs } from './find-outputs.ts';
import type { OutputShortener, ShortOutput } from './shorten-output.ts';

export interface CompressedBody {
  readonly body: Buffer;
  /** null: there was no tool output worth a look. */
  readonly facts: CompressionFacts | null;
}

export interface CompressingParts {
  readonly outputs: OutputShortener;
}

/** The first ones count: what a conversation grows by must not move the others out. */
const maxCandidates = 50;

export function* compressRequest(body: Buffer, { outputs }: CompressingParts): Generator<void, CompressedBody> {
  const tally = createTally();
  const replacements: (Span & { value: string })[] = [];
  let candidates = 0;
  for (const { span, skip } of findOutputs(body)) {
    if (skip !== null || (candidates += 1) > maxCandidates) {
      tally.skip(skip ?? 'over_cap');
      continue;
    }
    yield;
    const short = outputs.shorten(body.subarray(span.start, span.end));
    if ('skip' in short) tally.skip(short.skip);
    else {
      tally.shorten(short, span.end - span.start);
      replacements.push({ ...span, value: short.value });
    }
  }
  yield;
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
    shorten(short: Exclude<ShortOutput, { skip: OutputSkip }>, bytesBefore: number) {
      seen += 1;
      shortened[short.kind] = (shortened[short.kind] ?? 0) + 1;
      sums.bytesBefore += bytesBefore;
      sums.bytesAfter += short.bytesAfter;
      sums.tokensBefore += short.tokensBefore;
      sums.tokensAfter += short.tokensAfter;
    },
    facts: (): CompressionFacts | null => (seen === 0 ? null : { shortened, skipped, ...sums }),
  };
}
