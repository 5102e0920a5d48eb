/** What a request says of itself beside its body: the conversation it belongs to, and the headers that travel on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codexBytes, readCodex } from '../../../../test/support/read-codex.ts';

describe('what names the conversation', () => {
  it('is its own name first, then what it shares, each once', () => {
    const headers = [
      ['Session-Id', 'root'],
      ['thread-id', 'sub'],
      ['X-Codex-Window-Id', 'sub:3'],
    ] as const;
    expect(readCodex({ headers }).threadAnchors).toEqual(['sub', 'root']);
  });

  it('is the same window after a compaction', () => {
    const anchors = (n: number) => readCodex({ headers: [['x-codex-window-id', `window:${n}`]] }).threadAnchors;
    expect(anchors(0)).toEqual(['window']);
    expect(anchors(12)).toEqual(anchors(0));
  });

  it('is found under the name with an underscore, as old clients write it', () => {
    expect(readCodex({ headers: [['session_id', 'old']] }).threadAnchors).toEqual(['old']);
  });

  it.each(['x-codex-session-id', 'x-session-id', 'x-session-affinity', 'x-codex-conversation-id'])(
    'is found under %s as well',
    (name) => expect(readCodex({ headers: [[name, ' s ']] }).threadAnchors).toEqual(['s']),
  );

  it('is told apart from what only brings requests together', () => {
    const body = codexBytes({ prompt_cache_key: ' warm ' });
    expect(readCodex({ headers: [['Idempotency-Key', 'again']], body })).toMatchObject({
      threadAnchors: [],
      promptCacheKey: 'warm',
      idempotencyKey: 'again',
    });
    expect(readCodex({ body: codexBytes({ prompt_cache_key: ' ' }) })).toMatchObject({
      promptCacheKey: null,
      idempotencyKey: null,
    });
  });

  it('goes on from answers named in body and header, each once, blank ones left out', () => {
    const headers = [['x-codex-previous-response-id', 'resp_2']] as const;
    const ids = (previous_response_id: unknown) =>
      readCodex({ headers, body: codexBytes({ previous_response_id }) }).previousResponseIds;
    expect(ids('resp_1')).toEqual(['resp_1', 'resp_2']);
    for (const same of ['resp_2', ' ', null]) expect(ids(same)).toEqual(['resp_2']);
  });

  it('is nothing when nothing names it, or the name is absurdly long', () => {
    expect(readCodex({}).threadAnchors).toEqual([]);
    expect(readCodex({ headers: [['session-id', 'x'.repeat(2_000)]] }).threadAnchors).toEqual([]);
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
    expect(readCodex({ headers }).identityHeaders).toEqual(headers.map(([name, value]) => [name.toLowerCase(), value]));
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
    expect(readCodex({ headers: [[name, 'secret']] }).identityHeaders).toEqual([]);
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
        for (const [each] of readCodex({ headers }).identityHeaders) {
          expect(['x-codex-turn-state', 'x-codex-previous-response-id']).not.toContain(each);
          expect(listed.has(each) || each.startsWith('x-codex-')).toBe(true);
        }
      }),
    );
  });

  it('leave the turn state to whoever knows which account issued it', () => {
    expect(readCodex({ headers: [['x-codex-turn-state', 'ts']] }).turnState).toBe('ts');
    expect(readCodex({ headers: [['x-codex-turn-state', '']] }).turnState).toBeNull();
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
