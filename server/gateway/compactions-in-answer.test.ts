import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactionsInAnswer } from './compactions-in-answer.ts';

describe('a whole answer', () => {
  it('tells its usage and the compactions in its output', () => {
    const body = {
      id: 'r',
      output: [
        { type: 'message', content: [{ text: '{"type":"compaction","encrypted_content":"no"}' }] },
        { type: 'compaction', id: 'cmp_1', encrypted_content: 'sealed' },
        { type: 'compaction_summary', encrypted_content: 'sealed too' },
        { type: 'compaction' },
        'compaction',
        null,
      ],
      usage: { input_tokens: 1, output_tokens: 2 },
    };
    expect(compactionsInAnswer(Buffer.from(JSON.stringify(body)))).toEqual({
      usage: { input_tokens: 1, output_tokens: 2 },
      compactions: ['sealed', 'sealed too'],
    });
  });

  it('without them tells none', () => {
    for (const text of ['{}', '{"output":{},"usage":null}', '[]', '', '<html>', '{"output":[{"\\q":1}]}'])
      expect(compactionsInAnswer(Buffer.from(text)), text).toEqual({ usage: null, compactions: [] });
  });

  it('never throws, whatever it is', () => {
    const any = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify({ output: value, usage: value })),
    );
    fc.assert(fc.property(any, (text) => void compactionsInAnswer(Buffer.from(text))));
  });
});
