import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import type { Ask } from '../../exchange.ts';
import { readCodexAsk, type CodexRequest } from './read-ask.ts';

describe('the fields of a body', () => {
  it('are read where they stand, and the body stays the same object', () => {
    const body = Buffer.from(
      '{ "stream" : true,\n"input":[],"reasoning":{"summary":"auto","effort":"high"},"model":" gpt-6.1-sol ","service_tier":"priority"}',
    );
    const ask = read({ body });
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
    expect(read({ body })).toMatchObject({ model: 'gpt-5.5', wantsStream: true });
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
    expect(read({ body: Buffer.from(`{"model":"m","input":${input}}`) }).hasImages).toBe(expected);
  });

  it.each([
    ['[]', false],
    ['[ \n ]', false],
    ['null', false],
    ['[{"type":"function"}]', true],
  ])('tell whether tools are offered (%s)', (tools, expected) => {
    expect(read({ body: Buffer.from(`{"model":"m","tools":${tools}}`) }).hasTools).toBe(expected);
  });

  it('look for images in the input alone', () => {
    const body = Buffer.from('{"model":"m","input":[],"metadata":{"type":"input_image"}}');
    expect(read({ body }).hasImages).toBe(false);
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
      expect(read({ body: Buffer.from(text) })).toMatchObject({ reasoningEffort, isEffortReadable });
    },
  );

  it('may be given twice where nothing is decided by them', () => {
    expect(read({ body: Buffer.from('{"model":"gpt-5.5","metadata":1,"metadata":2}') }).model).toBe('gpt-5.5');
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
      expect(read({ body })).toMatchObject({ requestedTier: null, reasoningEffort: null });
    }
    expect(read({ body: Buffer.from('{"model":"m","reasoning":null}') }).reasoningEffort).toBeNull();
  });

  it('read as JSON.parse reads them, for any other content', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (rest, stream) => {
        const value = { ...rest, model: 'gpt-5.5', stream, input: [], reasoning: { effort: 'low' } };
        const body = Buffer.from(JSON.stringify({ ...value, service_tier: 'flex', prompt_cache_key: 'k' }));
        expect(read({ body })).toMatchObject({ model: 'gpt-5.5', wantsStream: stream, requestedTier: 'flex' });
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
    const ask = read({ isCompaction: true, body: Buffer.from('{"model":"m","stream":true}') });
    expect(ask).toMatchObject({ wantsStream: false, isCompaction: true });
  });
});

describe('compactions in the input', () => {
  it('are found in items of that type, in their order', () => {
    const input = [
      { type: 'message', content: [{ type: 'input_text', text: 'hello' }] },
      { type: 'compaction', id: 'cmp_1', encrypted_content: 'first' },
      { type: 'compaction_summary', encrypted_content: 'second' },
    ];
    expect(read({ body: bodyOf({ input }) }).compactions).toEqual(['first', 'second']);
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
    expect(read({ body: bodyOf({ input }) }).compactions).toEqual([]);
    expect(read({ body: bodyOf({ input: 'compaction' }) }).compactions).toEqual([]);
  });
});

describe('what names the conversation', () => {
  it('is its own name first, then what it shares, each once', () => {
    const headers = [
      ['Session-Id', 'root'],
      ['thread-id', 'sub'],
      ['X-Codex-Window-Id', 'sub:3'],
    ] as const;
    expect(read({ headers }).threadAnchors).toEqual(['sub', 'root']);
  });

  it('is the same window after a compaction', () => {
    const anchors = (n: number) => read({ headers: [['x-codex-window-id', `window:${n}`]] }).threadAnchors;
    expect(anchors(0)).toEqual(['window']);
    expect(anchors(12)).toEqual(anchors(0));
  });

  it('is found under the name with an underscore, as old clients write it', () => {
    expect(read({ headers: [['session_id', 'old']] }).threadAnchors).toEqual(['old']);
  });

  it.each(['x-codex-session-id', 'x-session-id', 'x-session-affinity', 'x-codex-conversation-id'])(
    'is found under %s as well',
    (name) => expect(read({ headers: [[name, ' s ']] }).threadAnchors).toEqual(['s']),
  );

  it('is told apart from what only brings requests together', () => {
    const body = bodyOf({ prompt_cache_key: ' warm ' });
    expect(read({ headers: [['Idempotency-Key', 'again']], body })).toMatchObject({
      threadAnchors: [],
      promptCacheKey: 'warm',
      idempotencyKey: 'again',
    });
    expect(read({ body: bodyOf({ prompt_cache_key: ' ' }) })).toMatchObject({
      promptCacheKey: null,
      idempotencyKey: null,
    });
  });

  it('goes on from answers named in body and header, each once, blank ones left out', () => {
    const headers = [['x-codex-previous-response-id', 'resp_2']] as const;
    const ids = (previous_response_id: unknown) =>
      read({ headers, body: bodyOf({ previous_response_id }) }).previousResponseIds;
    expect(ids('resp_1')).toEqual(['resp_1', 'resp_2']);
    for (const same of ['resp_2', ' ', null]) expect(ids(same)).toEqual(['resp_2']);
  });

  it('is nothing when nothing names it, or the name is absurdly long', () => {
    expect(read({}).threadAnchors).toEqual([]);
    expect(read({ headers: [['session-id', 'x'.repeat(2_000)]] }).threadAnchors).toEqual([]);
  });
});

describe('headers that travel on', () => {
  it('are those that say who the client is', () => {
    const headers = [
      ['Version', '0.169.0'],
      ['x-codex-beta-features', 'remote_compaction_v2'],
      ['x-codex-window-id', 'w:0'],
      ['X-OpenAI-Internal-Codex-Responses-Lite', 'true'],
      ['x-client-request-id', 't'],
      ['session_id', 's'],
      ['originator', 'codex_exec'],
      ['User-Agent', 'codex_exec/0.169.0'],
      ['x-openai-subagent', 'review'],
      ['accept', 'text/event-stream'],
    ] as const;
    expect(read({ headers }).identityHeaders).toEqual(headers.map(([name, value]) => [name.toLowerCase(), value]));
  });

  it.each([
    'authorization',
    'Authorization',
    'chatgpt-account-id',
    'cookie',
    'host',
    'connection',
    'keep-alive',
    'transfer-encoding',
    'upgrade',
    'te',
    'content-length',
    'content-encoding',
    'accept-encoding',
    'expect',
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'cf-ray',
    'cf-connecting-ip',
    'x-codex-turn-state',
    'X-Codex-Turn-State',
    'proxy-authorization',
    'x-openai-account-routing-override',
    'x-openai-internal-codex-residency',
    'x-openai-fedramp',
    'openai-organization',
    'openai-project',
  ])('never include %s', (name) => {
    expect(read({ headers: [[name, 'secret']] }).identityHeaders).toEqual([]);
  });

  it('never include a name outside the list, whatever names come', () => {
    const token = fc.string({ unit: fc.constantFrom(...'abcdexorwuthianzk-_0'), minLength: 1, maxLength: 30 });
    const known = [
      ...listed,
      'authorization',
      'cookie',
      'x-forwarded-for',
      'x-codex-turn-state',
      'x-codex-previous-response-id',
      'x-codex-new',
    ];
    const name = fc.oneof(
      token,
      fc.constantFrom(...known),
      fc.constantFrom(...known).map((each) => `${each}-x`),
    );
    const cased = fc.tuple(name, fc.boolean()).map(([each, isUpper]) => (isUpper ? each.toUpperCase() : each));
    fc.assert(
      fc.property(fc.array(fc.tuple(cased, fc.string())), (headers) => {
        for (const [each] of read({ headers }).identityHeaders) {
          expect(['x-codex-turn-state', 'x-codex-previous-response-id']).not.toContain(each);
          expect(listed.has(each) || each.startsWith('x-codex-')).toBe(true);
        }
      }),
    );
  });

  it('leave the turn state to whoever knows which account issued it', () => {
    expect(read({ headers: [['x-codex-turn-state', 'ts']] }).turnState).toBe('ts');
    expect(read({ headers: [['x-codex-turn-state', '']] }).turnState).toBeNull();
  });
});

/** Wire spec B12 and A3, written down a second time so that a longer list does not pass unseen. */
const listed = new Set([
  'accept',
  'content-type',
  'openai-beta',
  'originator',
  'session-id',
  'session_id',
  'thread-id',
  'user-agent',
  'version',
  'x-client-request-id',
  'x-openai-internal-codex-responses-lite',
  'x-openai-memgen-request',
  'x-openai-subagent',
  'x-responsesapi-include-timing-metrics',
]);

function bodyOf(fields: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ model: 'gpt-5.5', stream: true, ...fields }));
}

function read(request: Partial<CodexRequest>): Ask {
  return readCodexAsk({ body: bodyOf({}), headers: [], upstreamPath: '/responses', isCompaction: false, ...request });
}

/** The refusal of a request; undefined when it is read. Any other error is a bug and thrown on. */
function refusalOf(request: Partial<CodexRequest>): GatewayError | undefined {
  try {
    read(request);
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}
