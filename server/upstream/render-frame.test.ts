import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { previousResponseIn, renderFrame } from './render-frame.ts';

const framed = (text: string, turnState: string | null = null) => String(renderFrame(Buffer.from(text), { turnState }));

describe('a frame', () => {
  it.each([
    ['{"model":"m"}', null, '{"type":"response.create","model":"m"}'],
    [' { "model" : "m" }', null, ' {"type":"response.create", "model" : "m" }'],
    ['{}', null, '{"type":"response.create"}'],
    ['{"client_metadata":{"a":"1"}}', null, '{"type":"response.create","client_metadata":{"a":"1"}}'],
    [
      '{"client_metadata":{"a":"1", "x-codex-turn-state":"other’s","b":"2"},"n":1}',
      null,
      '{"type":"response.create","client_metadata":{"a":"1","b":"2"},"n":1}',
    ],
    ['{"client_metadata":{"x-codex-turn-state":"other’s"}}', null, '{"type":"response.create","client_metadata":{}}'],
    [
      '{"client_metadata":{"x-codex-turn-state":"own"}}',
      'own',
      '{"type":"response.create","client_metadata":{"x-codex-turn-state":"own"}}',
    ],
    [
      '{"client_metadata":{"a":"1"}}',
      'own',
      '{"type":"response.create","client_metadata":{"a":"1","x-codex-turn-state":"own"}}',
    ],
    ['{"n":1}', 'own', '{"type":"response.create","n":1,"client_metadata":{"x-codex-turn-state":"own"}}'],
  ])('of %s with the state %j is %s', (text, turnState, expected) => {
    expect(framed(text, turnState)).toBe(expected);
  });

  it('is the body and a word in front, whatever the body says', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (body) => {
        const { type: _type, client_metadata: _metadata, ...rest } = body;
        const text = JSON.stringify({ model: 'm', ...rest });
        expect(framed(text)).toBe(`{"type":"response.create",${text.slice(1)}`);
      }),
    );
  });
});

describe('what a body goes on from', () => {
  it.each([
    ['{"previous_response_id":"resp_1"}', 'resp_1'],
    ['{"previous\\u005fresponse_id":"resp_1"}', 'resp_1'],
    ['{"previous_response_id":""}', null],
    ['{"previous_response_id":null}', null],
    ['{"input":[{"previous_response_id":"resp_1"}]}', null],
  ])('in %s is %j', (text, id) => {
    expect(previousResponseIn(Buffer.from(text))).toBe(id);
  });
});
