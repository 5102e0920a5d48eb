import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codexBytes, readCodex } from '../../../../test/support/read-codex.ts';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { type CodexRequest } from './read-ask.ts';

describe('the fields of a body', () => {
  it('are read where they stand, and the body stays the same object', () => {
    const body = Buffer.from(
      '{ "stream" : true,\n"input":[],"reasoning":{"summary":"auto","effort":"high"},"model":" gpt-6.1-sol ","service_tier":"priority"}',
    );
    const ask = readCodex({ body });
    expect(ask).toMatchObject({
      model: 'gpt-6.1-sol',
      wantsStream: true,
      reasoningEffort: 'high',
      requestedTier: 'priority',
      upstreamPath: '/responses',
      isCompaction: false,
    });
    expect(ask.body).toBe(body);
  });

  it('are found under keys written with escapes', () => {
    const body = Buffer.from(String.raw`{"mod\u0065l":"gpt-\u0035.5","\u0073tream":true}`);
    expect(readCodex({ body })).toMatchObject({ model: 'gpt-5.5', wantsStream: true });
  });

  it.each(['stream', 'model', 'service_tier', 'prompt_cache_key', 'input', 'reasoning'])(
    'are refused when %s is given twice, also with an escape',
    (name) => {
      const escaped = `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`;
      for (const second of [name, escaped]) {
        const body = Buffer.from(`{"model":"gpt-5.5","${name}":"a","${second}":"b"}`);
        expect(refusalOf({ body })).toMatchObject({ code: 'invalid_request', param: name });
      }
    },
  );

  it.each([
    ['in a message', '[{"role":"user","content":[{"type":"input_image","image_url":"data:"}]}]', true],
    ['with spaces', '[{"type" :\n "input_image"}]', true],
    ['after a word that looks like one', '["input_image",{"type":"input_image"}]', true],
    ['quoted in a text', JSON.stringify([{ text: '{"type":"input_image"}' }]), false],
    ['as something else than a type', '[{"name":"input_image"}]', false],
  ])('tell whether there are images in the input (%s)', (_name, input, expected) => {
    expect(readCodex({ body: Buffer.from(`{"model":"m","input":${input}}`) }).hasImages).toBe(expected);
  });

  it.each([
    ['[]', false],
    ['[ \n ]', false],
    ['null', false],
    ['[{"type":"function"}]', true],
  ])('tell whether tools are offered (%s)', (tools, expected) => {
    expect(readCodex({ body: Buffer.from(`{"model":"m","tools":${tools}}`) }).hasTools).toBe(expected);
  });

  it('look for images in the input alone', () => {
    const body = Buffer.from('{"model":"m","input":[],"metadata":{"type":"input_image"}}');
    expect(readCodex({ body }).hasImages).toBe(false);
  });

  it('are refused when an effort is given twice: the provider might read another than the one that was judged', () => {
    const body = Buffer.from(String.raw`{"model":"gpt-5.5","reasoning":{"effort":"low","\u0065ffort":"ultra"}}`);
    expect(refusalOf({ body })).toMatchObject({ code: 'invalid_request', param: 'reasoning.effort' });
  });

  it.each([
    ['{"model":"m"}', null, true],
    ['{"model":"m","reasoning":null}', null, true],
    ['{"model":"m","reasoning":{}}', null, true],
    ['{"model":"m","reasoning":{"effort":null}}', null, true],
    ['{"model":"m","reasoning":{"effort":"high"}}', 'high', true],
    ['{"model":"m","reasoning":{"effort":""}}', null, false],
    ['{"model":"m","reasoning":{"effort":{"level":"ultra"}}}', null, false],
    ['{"model":"m","reasoning":"ultra"}', null, false],
  ])(
    'tell of %s that its effort is %j, and whether that can be read: %s',
    (text, reasoningEffort, isEffortReadable) => {
      expect(readCodex({ body: Buffer.from(text) })).toMatchObject({ reasoningEffort, isEffortReadable });
    },
  );

  it('may be given twice where nothing is decided by them', () => {
    expect(readCodex({ body: Buffer.from('{"model":"gpt-5.5","metadata":1,"metadata":2}') }).model).toBe('gpt-5.5');
  });

  it.each([
    ['no model', '{"input":[]}'],
    ['a model that is no text', '{"model":5}'],
    ['a blank model', '{"model":"  "}'],
    ['a model of many pages', `{"model":"${'m'.repeat(5_000)}"}`],
    ['a model with a control character', String.raw`{"model":"gpt\u0000"}`],
    ['a model with half a character', String.raw`{"model":"gpt\ud800"}`],
  ])('are refused when there is %s', (_name, text) => {
    expect(refusalOf({ body: Buffer.from(text) })).toMatchObject({ code: 'invalid_request', param: 'model' });
  });

  it.each([
    ['nothing', ''],
    ['no object', '[1]'],
    ['text after the object', '{"model":"m"} x'],
    ['a cut object', '{"model":"m"'],
    ['a wrong escape in a string', String.raw`{"model":"\q"}`],
    ['a wrong escape in a nested key', String.raw`{"model":"m","reasoning":{"\q":1}}`],
    ['a wrong escape in a key of an item', String.raw`{"model":"m","input":[{"\q":"compaction"}]}`],
    ['nesting without end', `{"model":"m","input":${'['.repeat(5_000)}`],
  ])('are refused when the body is %s', (_name, text) => {
    expect(refusalOf({ body: Buffer.from(text) })).toMatchObject({ code: 'invalid_request' });
  });

  it('say no more in a refusal than where and what field', () => {
    const refusal = refusalOf({ body: Buffer.from('{"model":"m","canary text":}') });
    expect(refusal?.sentence).not.toContain('canary');
  });

  it('that only records need are dropped when they are not plain words', () => {
    for (const text of ['"my prompt was this"', String.raw`"a\u0000"`, `"${'x'.repeat(300)}"`, '7', 'null']) {
      const body = Buffer.from(`{"model":"m","service_tier":${text},"reasoning":{"effort":${text}}}`);
      expect(readCodex({ body })).toMatchObject({ requestedTier: null, reasoningEffort: null });
    }
    expect(readCodex({ body: Buffer.from('{"model":"m","reasoning":null}') }).reasoningEffort).toBeNull();
  });

  it('read as JSON.parse reads them, for any other content', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (rest, stream) => {
        const value = { ...rest, model: 'gpt-5.5', stream, input: [], reasoning: { effort: 'low' } };
        const body = Buffer.from(JSON.stringify({ ...value, service_tier: 'flex', prompt_cache_key: 'k' }));
        expect(readCodex({ body })).toMatchObject({ model: 'gpt-5.5', wantsStream: stream, requestedTier: 'flex' });
      }),
    );
  });

  it('refuse or read any bytes without breaking', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0q "model"compaction') }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(anyBytes, (body) => {
        expect(refusalOf({ body })?.code ?? 'invalid_request').toBe('invalid_request');
      }),
      { numRuns: 500 },
    );
  });
});

describe('a compaction call', () => {
  it('expects no stream, whatever its body says', () => {
    const ask = readCodex({ isCompaction: true, body: Buffer.from('{"model":"m","stream":true}') });
    expect(ask).toMatchObject({ wantsStream: false, isCompaction: true });
  });

  it('is also a turn whose last item asks for one, streamed or not', () => {
    const trigger = { type: 'compaction_trigger' };
    const ask = (input: unknown, stream = true) => readCodex({ body: codexBytes({ input, stream }) });
    expect(ask(['hi', trigger])).toMatchObject({ wantsStream: true, isCompaction: true });
    expect(ask(['hi', trigger], false)).toMatchObject({ wantsStream: false, isCompaction: true });
    expect(ask([trigger, 'hi'])).toMatchObject({ isCompaction: false });
    expect(ask([{ type: 'compaction', encrypted_content: 'x' }])).toMatchObject({ isCompaction: false });
    expect(ask([{ role: 'user', content: '{"type":"compaction_trigger"}' }])).toMatchObject({ isCompaction: false });
    expect(ask('compaction_trigger')).toMatchObject({ isCompaction: false });
  });
});

describe('compactions in the input', () => {
  it('are found in items of that type, in their order', () => {
    const input = [
      { type: 'message', content: [{ type: 'input_text', text: 'hello' }] },
      { type: 'compaction', id: 'cmp_1', encrypted_content: 'first' },
      { type: 'compaction_summary', encrypted_content: 'second' },
    ];
    expect(readCodex({ body: codexBytes({ input }) }).compactions).toEqual(['first', 'second']);
  });

  it('are the newest where there are more than anybody needs: each is looked up', () => {
    const input = Array.from({ length: 5_000 }, (_each, index) => ({
      type: 'compaction',
      encrypted_content: String(index),
    }));
    const { compactions } = readCodex({ body: codexBytes({ input }) });
    expect([compactions.length, compactions[0], compactions.at(-1)]).toEqual([100, '4900', '4999']);
  });

  it('are none when only the text speaks of them', () => {
    const input = [
      { type: 'message', content: [{ type: 'input_text', text: '{"type":"compaction","encrypted_content":"x"}' }] },
      { type: 'message', note: { type: 'compaction', encrypted_content: 'nested' } },
      { type: 'reasoning', encrypted_content: 'compaction' },
      { type: 'compaction_trigger' },
      { type: 'compaction', encrypted_content: 5 },
      'compaction',
    ];
    expect(readCodex({ body: codexBytes({ input }) }).compactions).toEqual([]);
    expect(readCodex({ body: codexBytes({ input: 'compaction' }) }).compactions).toEqual([]);
  });
});

/** The refusal of a request; undefined when it is read. Any other error is a bug and thrown on. */
function refusalOf(request: Partial<CodexRequest>): GatewayError | undefined {
  try {
    readCodex(request);
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}
