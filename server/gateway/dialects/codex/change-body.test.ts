import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../lib/json-spans.ts';
import { changeBody, type BodyChanges } from './change-body.ts';

const changed = (text: string, changes: BodyChanges) => changeBody(Buffer.from(text), changes).toString();

describe('what policy enforces on a body', () => {
  it.each<[string, BodyChanges, string]>([
    ['{"model":"a"}', { model: 'b' }, '{"model":"b"}'],
    ['{ "model" : "a" , "n":1.0}', { model: 'b' }, '{ "model" : "b" , "n":1.0}'],
    ['{"model":"a","reasoning":{"effort":"low"}}', { effort: 'high' }, '{"model":"a","reasoning":{"effort":"high"}}'],
    [
      '{"model":"a","reasoning": { "summary":"auto" }}',
      { effort: 'high' },
      '{"model":"a","reasoning": { "summary":"auto","effort":"high" }}',
    ],
    ['{"reasoning":{ },"model":"a"}', { effort: 'high' }, '{"reasoning":{"effort":"high" },"model":"a"}'],
    ['{"model":"a" }', { effort: 'high' }, '{"model":"a","reasoning":{"effort":"high"} }'],
    ['{"reasoning":null,"model":"a"}', { effort: 'high' }, '{"reasoning":{"effort":"high"},"model":"a"}'],
    ['{"model":"a","reasoning":{"effort":null}}', { effort: 'low' }, '{"model":"a","reasoning":{"effort":"low"}}'],
    ['{"model":"a"}', { serviceTier: 'flex' }, '{"model":"a","service_tier":"flex"}'],
    ['{"model":"a","service_tier":"flex", "n":1}', { serviceTier: null }, '{"model":"a", "n":1}'],
    ['{"service_tier" : "flex" , "model":"a"}', { serviceTier: null }, '{ "model":"a"}'],
    [
      '{"model":"a","service_tier":"flex"}',
      { serviceTier: null, effort: 'low' },
      '{"model":"a","reasoning":{"effort":"low"}}',
    ],
    ['{"mod\\u0065l":"a"}', { model: 'b' }, '{"mod\\u0065l":"b"}'],
  ])('on %s, %j, gives %s', (text, changes, expected) => {
    expect(changed(text, changes)).toBe(expected);
  });

  it('leaves the very same buffer when the body says it already, in whatever way, or nothing is enforced', () => {
    const body = Buffer.from('{"model":"gpt-\\u0035.5","reasoning":{"effort":"low"},"service_tier":"flex"}');
    expect(changeBody(body, {})).toBe(body);
    expect(changeBody(body, { model: 'gpt-5.5', effort: 'low', serviceTier: 'flex' })).toBe(body);
    const without = Buffer.from('{"model":"a"}');
    expect(changeBody(without, { serviceTier: null })).toBe(without);
  });

  it('changes those fields and no other byte, in any body', () => {
    fc.assert(
      fc.property(bodies, changesOf, (text, changes) => {
        const before = Buffer.from(text);
        const after = changeBody(before, changes);
        expect(JSON.parse(after.toString())).toEqual(expected(JSON.parse(text) as Body, changes));
        expect(restOf(after)).toEqual(restOf(before));
      }),
      { numRuns: 1_000 },
    );
  });
});

type Body = Record<string, unknown>;

const word = fc.constantFrom('low', 'high', 'gpt-5.5', 'fläche', '"', '\\', '😀');
const changesOf: fc.Arbitrary<BodyChanges> = fc.record(
  { model: word, effort: word, serviceTier: fc.option(word) },
  { requiredKeys: [] },
);
const space = fc.stringMatching(/^[ \n\r\t]{0,2}$/);

/** JSON text of an object with these members, in some order, with blanks wherever they may stand. */
function objectText(members: fc.Arbitrary<[string, string][]>): fc.Arbitrary<string> {
  return fc
    .tuple(members, fc.array(space, { minLength: 8, maxLength: 8 }))
    .map(([pairs, [a, b, c, d, e, f, g, h]]) =>
      pairs.length === 0
        ? `{${a}}`
        : `{${pairs.map(([key, value]) => `${a}${b}${JSON.stringify(key)}${c}:${d}${e}${value}${f}`).join(',')}${g}${h}}`,
    );
}

const others = fc.uniqueArray(
  fc.tuple(
    fc.string({ unit: 'grapheme' }).map((key) => `x${key}`),
    fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  ),
  { selector: ([key]) => key, maxLength: 5 },
);

function shuffled(named: fc.Arbitrary<[string, string][]>): fc.Arbitrary<[string, string][]> {
  return fc
    .tuple(named, others)
    .chain(([some, rest]) => fc.shuffledSubarray([...some, ...rest], { minLength: some.length + rest.length }));
}

const quoted = fc.oneof(word, fc.string({ unit: 'grapheme' })).map((text) => JSON.stringify(text));
const optional = (key: string, value: fc.Arbitrary<string>) =>
  fc.option(value).map((text): [string, string][] => (text === null ? [] : [[key, text]]));
const reasoning = fc.oneof(fc.constantFrom('null', '7', '[]'), objectText(shuffled(optional('effort', quoted))));
const bodies = objectText(
  shuffled(
    fc
      .tuple(quoted, optional('reasoning', reasoning), optional('service_tier', fc.oneof(quoted, fc.constant('null'))))
      .map(([model, ...rest]): [string, string][] => [['model', model], ...rest.flat()]),
  ),
);

function expected(body: Body, { model, effort, serviceTier }: BodyChanges): Body {
  const next = { ...body };
  if (model !== undefined) next['model'] = model;
  const { reasoning: present } = body;
  const isObject = typeof present === 'object' && present !== null && !Array.isArray(present);
  if (effort !== undefined) next['reasoning'] = { ...(isObject ? present : {}), effort };
  if (serviceTier === null) delete next['service_tier'];
  else if (serviceTier !== undefined) next['service_tier'] = serviceTier;
  return next;
}

/** Every member that no policy touches, byte for byte and in order, at the top and inside `reasoning`. */
function restOf(body: Buffer): string[] {
  const touched = new Set(['model', 'reasoning', 'service_tier']);
  const members = scanObject(body);
  const rest = members.filter(({ key }) => !touched.has(key));
  const found = members.find(({ key }) => key === 'reasoning');
  const inner = found && body[found.start] === 0x7b ? body.subarray(found.start, found.end) : Buffer.from('{}');
  return [
    ...rest.map(({ key, start, end }) => `${key}=${body.toString('utf8', start, end)}`),
    ...scanObject(inner)
      .filter(({ key }) => key !== 'effort')
      .map(({ key, start, end }) => `reasoning.${key}=${inner.toString('utf8', start, end)}`),
  ];
}
