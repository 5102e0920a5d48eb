import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnswerFacts } from './read-answer-facts.ts';

const usage = { input_tokens: 1, output_tokens: 2 };
const nothing = { usage: null, servedTier: null, compactions: [], sealed: [], responseId: null };

describe('a whole answer', () => {
  it('tells its usage, its tier and the compactions in its output', () => {
    const body = {
      id: 'resp_1',
      output: [
        { type: 'message', content: [{ text: '{"type":"compaction","encrypted_content":"no"}' }] },
        { type: 'compaction', id: 'cmp_1', encrypted_content: 'sealed' },
        { type: 'compaction_summary', encrypted_content: 'sealed too' },
        { type: 'compaction' },
        { type: 'reasoning', encrypted_content: 'thoughts' },
        { type: 'reasoning', encrypted_content: null },
        'compaction',
        null,
      ],
      usage,
      service_tier: 'priority',
    };
    expect(facts(body)).toEqual({
      usage,
      servedTier: 'priority',
      compactions: ['sealed', 'sealed too'],
      sealed: ['thoughts'],
      responseId: 'resp_1',
    });
  });

  it.each([
    ['within a response', { type: 'response.completed', response: { usage, service_tier: 'flex', output: [] } }],
    ['on the last item of its output', { output: [{ usage: 'no' }, { usage, service_tier: 'flex' }] }],
    ['on the last item of the output of a response', { response: { output: [null, { usage, service_tier: 'flex' }] } }],
    [
      'at the top before anywhere else',
      { usage, service_tier: 'flex', response: { usage: {} }, output: [{ usage: {} }] },
    ],
    ['below an empty one', { usage: null, response: { usage, service_tier: 'flex' } }],
  ])('may report %s', (_where, body) => {
    expect(facts(body)).toEqual({ ...nothing, usage, servedTier: 'flex' });
  });

  it('tells the compactions of a response within', () => {
    const output = [{ type: 'compaction', encrypted_content: 'sealed' }];
    expect(facts({ response: { output } }).compactions).toEqual(['sealed']);
  });

  it('has the id it is known by, here or within', () => {
    for (const body of [{ id: 'resp_1' }, { response: { id: 'resp_1' } }, { id: 7, response: { id: 'resp_1' } }])
      expect(facts(body).responseId).toBe('resp_1');
    for (const id of ['', null, {}, 'x'.repeat(2_000)]) expect(facts({ id }).responseId).toBeNull();
  });

  it('without them tells none', () => {
    for (const text of [
      '{}',
      '{"output":{},"usage":null}',
      '[]',
      '',
      '<html>',
      '{"output":[{"\\q":1}]}',
      '{"response":[]}',
    ])
      expect(readAnswerFacts(Buffer.from(text)), text).toEqual(nothing);
  });

  it('never throws, whatever it is', () => {
    const any = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify({ output: value, usage: value, response: { output: [value] } })),
    );
    fc.assert(fc.property(any, (text) => void readAnswerFacts(Buffer.from(text))));
  });
});

function facts(body: unknown) {
  return readAnswerFacts(Buffer.from(JSON.stringify(body)));
}
