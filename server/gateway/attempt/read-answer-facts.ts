/** What a whole JSON answer tells beside its text: usage, the tier it was served at, its id, what it sealed. Pure. */
import type { AnchorKind } from '../../contract/vocabulary.ts';
import { JsonSyntaxError, readSpan, scanArray, scanObject } from '../../lib/json-spans.ts';
import { recordOf } from '../../lib/json-values.ts';
import type { UsageReport } from '../../usage/usage.ts';
import { readResponseId } from './read-response-id.ts';
import { readSealed } from './read-sealed.ts';

export interface AnswerFacts extends UsageReport {
  readonly compactions: readonly string[];
  /** Other encrypted contents. */
  readonly sealed: readonly string[];
  readonly responseId: string | null;
}

/** An answer that is no JSON object tells nothing; it is passed on all the same. */
export function readAnswerFacts(body: Buffer): AnswerFacts {
  try {
    return factsOf(body, { looksWithin: true });
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof SyntaxError) return nothing;
    throw error;
  }
}

const nothing: AnswerFacts = { usage: null, servedTier: null, compactions: [], sealed: [], responseId: null };

/** The report stands at the top, in a `response` within, or on the last item of the output (gateway spec 11.1). */
function factsOf(answer: Buffer, { looksWithin }: { looksWithin: boolean }): AnswerFacts {
  const members = scanObject(answer);
  const valueOf = (name: string) => {
    const member = members.find(({ key }) => key === name);
    return member ? answer.subarray(member.start, member.end) : null;
  };
  const small = (name: string) => parsedOrNull(valueOf(name));
  const [response, output] = [valueOf('response'), valueOf('output')];
  const within = looksWithin && response?.[0] === openBrace ? factsOf(response, { looksWithin: false }) : nothing;
  const items = output?.[0] === openBracket ? scanArray(output).map((span) => recordOf(readSpan(output, span))) : [];
  const found = items.flatMap((item) => readSealed(item) ?? []);
  const contents = (kind: AnchorKind) => found.flatMap((each) => (each.kind === kind ? [each.content] : []));
  return {
    usage: small('usage') ?? within.usage ?? items.at(-1)?.['usage'] ?? null,
    servedTier: small('service_tier') ?? within.servedTier ?? items.at(-1)?.['service_tier'] ?? null,
    compactions: [...contents('compaction'), ...within.compactions],
    sealed: [...contents('sealed'), ...within.sealed],
    responseId: readResponseId(small('id')) ?? within.responseId,
  };
}

const openBrace = 0x7b;
const openBracket = 0x5b;

function parsedOrNull(value: Buffer | null): unknown {
  return value ? (JSON.parse(value.toString('utf8')) as unknown) : null;
}
