import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { changeEfforts } from './change-body.ts';
import { effortUpdatesIn } from './effort-updates.ts';

const bodyWith = (...items: string[]) => Buffer.from(`{"model":"m", "input" : [${items.join(' , ')}]}`);
const found = (body: Buffer) => effortUpdatesIn(body).map(({ effort, isEffortReadable }) => [effort, isEffortReadable]);
/** A string of JSON with every letter written as an escape. */
const escaped = (text: string) =>
  `"${[...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;

describe('changes of effort in an input', () => {
  it.each([
    ['as Codex writes it', '{"type":"configuration_update","reasoning":{"effort":"high"}}', [['high', true]]],
    [
      'in another order',
      '{ "reasoning" : {"x":1, "effort":"high"}, "type" : "configuration_update" }',
      [['high', true]],
    ],
    [
      'with an escaped type',
      `{"type":${escaped('configuration_update')},"reasoning":{"effort":"high"}}`,
      [['high', true]],
    ],
    [
      'with one escape in capitals',
      String.raw`{"type":"configuration\u005Fupdate","reasoning":{"effort":"high"}}`,
      [['high', true]],
    ],
    [
      'with escaped names',
      `{${escaped('type')}:"configuration_update",${escaped('reasoning')}:{${escaped('effort')}:"high"}}`,
      [['high', true]],
    ],
    ['without an effort', '{"type":"configuration_update"}', [[null, true]]],
    ['with none', '{"type":"configuration_update","reasoning":{"effort":null}}', [[null, true]]],
    ['with an effort that is no word', '{"type":"configuration_update","reasoning":{"effort":7}}', [[null, false]]],
    ['with reasoning that is no object', '{"type":"configuration_update","reasoning":"high"}', [[null, false]]],
    ['quoted in a text', JSON.stringify({ type: 'message', text: '{"type":"configuration_update"}' }), []],
    ['as another field', '{"type":"message","name":"configuration_update"}', []],
    ['inside another item', '{"type":"message","content":[{"type":"configuration_update"}]}', []],
    ['as no object', '"configuration_update"', []],
  ])('are found %s', (_name, item, expected) => {
    const body = bodyWith('{"type":"message"}', item);
    expect(found(body)).toEqual(expected);
  });

  it('are looked for in the input alone, and only where it is a list', () => {
    const item = '{"type":"configuration_update","reasoning":{"effort":"high"}}';
    for (const text of [
      `{"model":"m","input":${item}}`,
      `{"model":"m","metadata":[${item}],"input":[]}`,
      '{"x":"\\u0061"}',
    ])
      expect(found(Buffer.from(text))).toEqual([]);
  });

  it.each([
    ['type', '{"type":"configuration_update","type":"message"}'],
    ['reasoning', '{"type":"configuration_update","reasoning":{},"reasoning":{"effort":"high"}}'],
  ])('are refused when their %s is given twice', (name, item) => {
    const param = `configuration_update.${name}`;
    expect(() => effortUpdatesIn(bodyWith(item))).toThrow(expect.objectContaining({ code: 'invalid_request', param }));
  });

  it('are refused, and no fault of ours, where a string has a wrong escape', () => {
    const body = bodyWith(String.raw`{"type":"configuration_update","reasoning":{"effort":"\q"}}`);
    expect(() => effortUpdatesIn(body)).toThrow(GatewayError);
  });

  it('are found and written over as JSON.parse sees them, in any input, and nothing else changes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(updates, others), { maxLength: 6 }), (items) => {
        const body = bodyWith(...items.map((item) => JSON.stringify(item)));
        const seen = effortUpdatesIn(body);
        expect(seen.map(({ effort }) => effort)).toEqual(
          items.flatMap((item) => ('reasoning' in item ? [item.reasoning.effort] : [])),
        );
        const after = changeEfforts(
          body,
          seen.map(({ place }) => ({ place, effort: 'low' })),
        );
        const expected = items.map((item) =>
          'reasoning' in item ? { ...item, reasoning: { ...item.reasoning, effort: 'low' } } : item,
        );
        expect(after.toString()).toBe(bodyWith(...expected.map((item) => JSON.stringify(item))).toString());
        if (seen.every(({ effort }) => effort === 'low')) expect(after).toBe(body);
      }),
      { numRuns: 500 },
    );
  });
});

const updates = fc.record({
  id: fc.string({ unit: 'grapheme' }),
  type: fc.constant('configuration_update'),
  reasoning: fc.record({ effort: fc.constantFrom('low', 'high'), x: fc.jsonValue({ maxDepth: 1 }) }),
});
const others = fc.record({
  type: fc.constantFrom('message', 'configuration_updates', 'reasoning', 'ü'),
  text: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('{"type":"configuration_update"}')),
});
