import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { scanObject } from '../../../lib/json-spans.ts';
import { readCodexAsk } from './read-ask.ts';
import { readFrame, readTurn } from './read-frame.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const kindOf = (value: unknown) => readFrame(bytes(value))?.kind ?? null;

describe('a frame is', () => {
  it.each([
    ['a turn', { type: 'response.create', model: 'gpt-5.5', input: [] }, 'turn'],
    ['a turn without a type, when it names a model', { model: 'gpt-5.5' }, 'turn'],
    ['a turn that says generate:true', { type: 'response.create', model: 'm', generate: true }, 'turn'],
    ['a warm-up', { type: 'response.create', model: 'm', generate: false }, 'warm_up'],
    ['a word that an answer was seen', { type: 'response.processed', response_id: 'resp_1' }, null],
    ['of an unknown type', { type: 'response.steer', model: 'm' }, 'refusal'],
    ['of a type that is no text', { type: 7, model: 'm' }, 'refusal'],
    ['an object that asks nothing', {}, 'refusal'],
    ['a list', [1], 'refusal'],
    ['no JSON', '{"type":', 'refusal'],
    ['empty', '', 'refusal'],
  ])('%s', (_name, value, kind) => {
    expect(kindOf(value)).toBe(kind);
  });

  it('known by its turn id, else by its request id, and by nothing that is no short text', () => {
    const idOf = (ids: object) => readFrame(bytes({ type: 'response.create', model: 'm', ...ids }));
    expect(idOf({ turn_id: 't', request_id: 'r' })).toMatchObject({ turnId: 't' });
    expect(idOf({ request_id: 'r' })).toMatchObject({ turnId: 'r' });
    for (const id of ['', 7, null, 'x'.repeat(300)]) expect(idOf({ request_id: id })).toMatchObject({ turnId: null });
  });

  it('read or refused, whatever its bytes are', () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0', 'type', 'model', 'generate', 'false') });
    fc.assert(
      fc.property(fc.oneof(text, fc.json()), (each) => {
        expect(['turn', 'warm_up', 'refusal', null]).toContain(kindOf(each));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the request of a turn', () => {
  const members: Record<string, unknown> = {
    type: 'response.create',
    request_id: 'r',
    stream_id: 's',
    generate: true,
    model: 'gpt-5.5',
    stream: true,
    input: [{ type: 'message', request_id: 'inside' }],
    tools: [],
    client_metadata: { thread_id: 't' },
  };

  it('has the body of the frame without what only frames have, every other byte as it came', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.keys(members)), fc.constantFrom(0, 2), (names, indent) => {
        const frame = bytes(
          JSON.stringify(Object.fromEntries(names.map((name) => [name, members[name]])), null, indent),
        );
        if (!names.includes('model')) return;
        const { body } = readTurn(frame, { handshake: [] });
        const own = ['type', 'request_id', 'stream_id', 'generate'];
        const expected = names.filter((name) => !own.includes(name));
        const kept = scanObject(body).filter(({ key }) => expected.includes(key));
        expect(kept.map(({ key }) => key)).toEqual(expected);
        for (const { key, start, end } of kept) {
          const before = scanObject(frame).find((member) => member.key === key)!;
          expect(body.subarray(start, end)).toEqual(frame.subarray(before.start, before.end));
        }
        expect(JSON.parse(body.toString())).toMatchObject({ stream: true });
      }),
    );
  });

  it('is the frame byte for byte behind its type, as Codex writes it', () => {
    const rest = '"model":"gpt-5.5","stream":true,"input":[],"client_metadata":{"thread_id":"t"}}';
    const { body } = readTurn(bytes(`{"type":"response.create",${rest}`), { handshake: [] });
    expect(body.toString()).toBe(`{${rest}`);
  });

  it('has the headers of the handshake, and those that the frame says for this turn', () => {
    const handshake: [string, string][] = [
      ['Host', 'localhost'],
      ['OpenAI-Beta', 'responses_websockets=2026-02-06, something=1'],
      ['session-id', 'root'],
      ['x-codex-window-id', 'w:0'],
      ['x-codex-turn-state', 'of an earlier turn'],
      ['x-codex-previous-response-id', 'of an earlier turn'],
      ['x-codex-beta-features', 'remote_compaction_v2'],
    ];
    const client_metadata = {
      session_id: 'root',
      thread_id: 'sub',
      'x-codex-window-id': 'w:1',
      'x-codex-turn-state': 'state',
      'x-codex-turn-metadata': '{"turn_id":"1"}',
      ws_request_header_x_openai_internal_codex_responses_lite: 'true',
      ws_request_header_cookie: 'a=b',
      'x-openai-subagent': 'two\nlines',
    };
    const ask = readCodexAsk(readTurn(bytes({ type: 'response.create', model: 'm', client_metadata }), { handshake }));
    expect(ask).toMatchObject({
      previousResponseIds: [],
      turnState: 'state',
      threadAnchors: ['sub', 'w', 'root'],
      wantsStream: true,
    });
    expect(Object.fromEntries(ask.identityHeaders)).toEqual({
      accept: 'text/event-stream',
      'openai-beta': 'something=1',
      'session-id': 'root',
      'thread-id': 'sub',
      'x-codex-window-id': 'w:1',
      'x-codex-turn-metadata': '{"turn_id":"1"}',
      'x-codex-beta-features': 'remote_compaction_v2',
      'x-openai-internal-codex-responses-lite': 'true',
    });
  });

  it('takes the state of the turn out of the body, wherever it says it, and nothing else', () => {
    const state = '"x-codex-turn-state":"s"';
    const bodyOf = (text: string) => String(readTurn(Buffer.from(text), { handshake: [] }).body);
    expect(bodyOf(`{"stream":true,"client_metadata":{"a":"1", ${state},"b":"2"}}`)).toBe(
      '{"stream":true,"client_metadata":{"a":"1","b":"2"}}',
    );
    expect(bodyOf(`{"client_metadata":{${state}},"client_metadata":{${state}},"stream":true}`)).toBe(
      '{"client_metadata":{},"client_metadata":{},"stream":true}',
    );
    expect(bodyOf(`{"stream":true,"input":[{${state}}]}`)).toBe(`{"stream":true,"input":[{${state}}]}`);
    expect(() => bodyOf(String.raw`{"client_metadata":{"\q":1}}`)).toThrow(GatewayError);
  });

  it('has nothing from the metadata of a frame whose metadata is no object', () => {
    for (const client_metadata of [null, 'x', [1], 7]) {
      const { headers } = readTurn(bytes({ model: 'm', client_metadata }), { handshake: [] });
      expect(headers).toEqual([['accept', 'text/event-stream']]);
    }
  });
});
