/** What a whole JSON answer tells beside its text: its usage, and the encrypted compactions in its output. Pure. */
import { JsonSyntaxError, readSpan, scanArray, scanObject } from '../lib/json-spans.ts';

export interface AnswerFacts {
  readonly usage: unknown;
  readonly compactions: readonly string[];
}

/** An answer that is no JSON object has neither; it is passed on all the same. */
export function compactionsInAnswer(body: Buffer): AnswerFacts {
  try {
    const members = scanObject(body);
    const usage = members.find(({ key }) => key === 'usage');
    const output = members.find(({ key }) => key === 'output');
    const compactions = output ? compactionsOf(body.subarray(output.start, output.end)) : [];
    return { usage: usage ? readSpan(body, usage) : null, compactions };
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof SyntaxError) return { usage: null, compactions: [] };
    throw error;
  }
}

function compactionsOf(output: Buffer): string[] {
  if (output[0] !== 0x5b) return [];
  return scanArray(output).flatMap((span) => {
    const item = readSpan(output, span);
    if (typeof item !== 'object' || item === null) return [];
    const { type, encrypted_content: content } = item as Record<string, unknown>;
    return typeof type === 'string' && type.startsWith('compaction') && typeof content === 'string' ? [content] : [];
  });
}
