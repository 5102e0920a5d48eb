import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sse } from '../../../test/support/streams.ts';
import { createAnswerObserver } from './observe-answer.ts';

const usage = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 40 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 3 },
  total_tokens: 107,
};

describe('how an answer ended', () => {
  it.each([
    ['response.completed', 'completed'],
    ['response.done', 'completed'],
    ['response.incomplete', 'incomplete'],
    ['response.failed', 'failed'],
  ] as const)('%s means %s, with usage and tier from the answer', (type, terminal) => {
    const { observer } = observing();
    expect(observer.terminal).toBeNull();
    observer.observe(sse({ type, response: { id: 'r', usage, service_tier: 'priority' } }));
    expect(observer).toMatchObject({ terminal, servedTier: 'priority' });
    expect(observer.usage).toEqual({
      inputTokens: 100,
      cachedTokens: 40,
      cacheWriteTokens: null,
      outputTokens: 7,
      reasoningTokens: 3,
      totalTokens: 107,
    });
  });

  it.each([
    ['beside the response', { usage, service_tier: 'flex', response: { id: 'r' } }],
    ['on the last item of the output', { response: { output: [{ usage: 'no' }, { usage, service_tier: 'flex' }] } }],
  ])('may report its usage %s', (_where, event) => {
    const { observer } = observing();
    observer.observe(sse({ type: 'response.incomplete', ...event }));
    expect(observer).toMatchObject({ usage: { totalTokens: 107 }, servedTier: 'flex' });
  });

  it('may report usage that contradicts itself, which counts as unknown', () => {
    const { observer } = observing();
    observer.observe(sse({ type: 'response.failed', response: { usage: { ...usage, total_tokens: 1 } } }));
    expect(observer).toMatchObject({ usage: null, reportsUsage: true });
  });

  it('names a tier only as a plain word', () => {
    const { observer } = observing();
    observer.observe(sse({ type: 'response.completed', response: { usage, service_tier: 'what I asked was' } }));
    expect(observer.servedTier).toBeNull();
  });

  it('is told by the first terminal event only', () => {
    const { observer } = observing();
    observer.observe(sse({ type: 'response.completed', response: { usage } }));
    observer.observe(sse({ type: 'response.failed', response: { error: { code: 'server_error' } } }));
    expect(observer).toMatchObject({ terminal: 'completed', failureCode: null });
    expect(observer.usage?.totalTokens).toBe(107);
  });

  it('is unknown when the terminal event cannot be read', () => {
    const { observer } = observing();
    observer.observe(Buffer.from('data: {"type":"response.completed","response":{"usage":\n\n'));
    expect(observer).toMatchObject({ terminal: null, usage: null });
  });

  it('names the code of a failure only as a plain word', () => {
    for (const [code, kept] of [
      ['rate_limit_exceeded', 'rate_limit_exceeded'],
      ['what I asked was', null],
      [7, null],
    ] as const) {
      const { observer } = observing();
      observer.observe(sse({ type: 'response.failed', response: { error: { code } } }));
      expect(observer.failureCode).toBe(kept);
    }
  });

  it('has no usage when the answer reports none, or one that contradicts itself', () => {
    for (const report of [null, undefined, {}, { ...usage, total_tokens: 1 }, { ...usage, input_tokens: 30 }]) {
      const { observer } = observing();
      observer.observe(sse({ type: 'response.completed', response: { id: 'r', usage: report } }));
      expect(observer).toMatchObject({ terminal: 'completed', usage: null });
    }
  });

  it('is not told by an event that is named after a property of every object', () => {
    for (const type of ['constructor', 'toString', 'hasOwnProperty']) {
      const { observer } = observing();
      observer.observe(sse({ type, response: {} }));
      expect(observer.terminal, type).toBeNull();
    }
  });
});

describe('what belongs to the account', () => {
  it('are its limits, as an event says them', () => {
    const { observer, limits } = observing();
    const event = { type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 42 } } };
    observer.observe(sse(event));
    observer.observe(Buffer.from('data: {"type":"codex.rate_limits","rate_limits":\n\n'));
    expect(limits).toEqual([event]);
  });

  it('are the compactions it made, not texts that speak of them', () => {
    const { observer, compactions } = observing();
    const item = (fields: Record<string, unknown>) =>
      observer.observe(sse({ type: 'response.output_item.done', item: fields }));
    item({ type: 'compaction', encrypted_content: 'sealed' });
    item({ type: 'message', content: [{ text: '{"type":"compaction","encrypted_content":"no"}' }] });
    item({ type: 'compaction', encrypted_content: 7 });
    observer.observe(
      sse({ type: 'response.output_item.added', item: { type: 'compaction', encrypted_content: 'no' } }),
    );
    expect(compactions).toEqual(['sealed']);
  });
});

describe('the bytes', () => {
  it('of any block but response.done are the very same', () => {
    const line = fc.string({ unit: fc.constantFrom(...'{}":,\r\ndat event:"type"response.x😀'), maxLength: 60 });
    fc.assert(
      fc.property(line, (text) => {
        const block = Buffer.from(`${text}\n\n`);
        expect(observing().observer.observe(block).bytes).toBe(block);
      }),
    );
  });

  it.each([
    ['as the provider writes it', 'event: response.done\ndata: {"type":"response.done","response":{"id":"r"}}\n\n'],
    ['without a space', 'event:response.done\ndata:{"type": "response.done"}\n\n'],
    ['without an event line', 'data: {"type":"response.done"}\n\n'],
    ['with CRLF', 'event: response.done\r\ndata: {"type":"response.done"}\r\n\r\n'],
    ['with a lone CR', 'event: response.done\rdata: {"type":"response.done"}\r\r'],
    [
      'over several data lines',
      'event: response.done\ndata: {"type":\ndata: "response.done",\ndata: "response":{}}\n\n',
    ],
    ['with the type last', 'data: {"response":{"id":"r"},"type":"response.done"}\n\n'],
  ])('of response.done are renamed: %s', (_name, text) => {
    const { observer } = observing();
    const { bytes, type } = observer.observe(Buffer.from(text));
    expect(bytes.toString()).toBe(text.replaceAll('response.done', 'response.completed'));
    expect(type).toBe('response.done');
    expect(observer.terminal).toBe('completed');
  });

  it('of response.done are the same everywhere else: texts, half characters and all', () => {
    const text = String.raw`{"type":"response.done","response":{"note":"\"response.done\" ok","status":"response.done"}}`;
    const bad = Buffer.from([0xff, 0xc3, 0x28]);
    const block = Buffer.concat([Buffer.from(': '), bad, Buffer.from(`\ndata: ${text}\n\n`)]);
    const { bytes } = observing().observer.observe(block);
    const renamed = text.replace('"type":"response.done"', '"type":"response.completed"');
    expect(bytes).toEqual(Buffer.concat([Buffer.from(': '), bad, Buffer.from(`\ndata: ${renamed}\n\n`)]));
  });

  it('tells what the account sealed, compactions apart from the rest', () => {
    const { observer, compactions, sealed } = observing();
    const items = [
      { type: 'reasoning', encrypted_content: 'thoughts' },
      { type: 'compaction', encrypted_content: 'history' },
      { type: 'reasoning', encrypted_content: null },
      { type: 'message', content: [{ text: 'encrypted_content' }] },
    ];
    for (const item of items) observer.observe(sse({ type: 'response.output_item.done', item }));
    // Not whole yet.
    observer.observe(sse({ type: 'response.output_item.added', item: items[0] }));
    expect([sealed, compactions]).toEqual([['thoughts'], ['history']]);
  });

  it('tells the id of an answer once it is complete, and of no other', () => {
    const { observer, answered } = observing();
    observer.observe(sse({ type: 'response.created', response: { id: 'resp_0' } }));
    observer.observe(sse({ type: 'response.completed', response: { id: 'resp_1' } }));
    expect(answered).toEqual(['resp_1']);
    for (const response of [{ id: '' }, { id: 7 }, {}, { id: 'x'.repeat(2_000) }]) {
      const next = observing();
      next.observer.observe(sse({ type: 'response.completed', response }));
      expect(next.answered).toEqual([]);
    }
    const failed = observing();
    failed.observer.observe(sse({ type: 'response.failed', response: { id: 'resp_2', error: { code: 'x' } } }));
    expect(failed.answered).toEqual([]);
  });
});

describe('the state of a turn', () => {
  it('is told where the provider gives it by an event, and only then', () => {
    const { observer, turnStates } = observing();
    observer.observe(
      sse({ type: 'response.metadata', headers: { 'x-codex-turn-state': 'ts-1', 'openai-model': 'm' } }),
    );
    observer.observe(sse({ type: 'response.metadata', headers: { 'openai-model': 'm' } }));
    observer.observe(sse({ type: 'response.metadata' }));
    observer.observe(sse({ type: 'codex.response.metadata', headers: { 'x-codex-turn-state': 'ts-2' } }));
    expect(turnStates).toEqual(['ts-1']);
  });
});

function observing() {
  const limits: Record<string, unknown>[] = [];
  const compactions: string[] = [];
  const sealed: string[] = [];
  const turnStates: string[] = [];
  const answered: string[] = [];
  const observer = createAnswerObserver({
    onRateLimits: (event) => void limits.push(event),
    onCompaction: (content) => void compactions.push(content),
    onSealed: (content) => void sealed.push(content),
    onTurnState: (turnState) => void turnStates.push(turnState),
    onAnswered: (id) => void answered.push(id),
  });
  return { observer, limits, compactions, sealed, turnStates, answered };
}
