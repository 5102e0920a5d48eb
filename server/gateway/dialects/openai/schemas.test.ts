import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerSchema } from './lower-schema.ts';
import { strictSchemaProblem } from './strict-schema.ts';

const leaf = fc.constantFrom<Record<string, unknown>>(
  { type: 'string' },
  { type: ['number', 'null'], description: 'how many' },
  { type: 'string', enum: ['a', 'b'] },
  { $ref: '#/$defs/thing' },
);

/** Schemas as the provider's rules want them. */
const strictNode: fc.Arbitrary<Record<string, unknown>> = fc.letrec<{ node: Record<string, unknown> }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.record({ type: fc.constant('array'), items: tie('node') }),
    fc.record({ anyOf: fc.array(tie('node'), { minLength: 1, maxLength: 2 }) }),
    fc
      .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('node'), { maxKeys: 3 })
      .map((properties) => objectOf(properties)),
  ),
})).node;

const strictSchema = fc
  .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), strictNode, { maxKeys: 4 })
  .map((properties) => ({ ...objectOf(properties), $defs: { thing: { type: 'integer' } } }));

function objectOf(properties: Record<string, unknown>) {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

describe('a strict schema', () => {
  it('is accepted as it is when it keeps every rule', () => {
    fc.assert(
      fc.property(strictSchema, (schema) => {
        expect(strictSchemaProblem(schema)).toBeNull();
      }),
    );
  });

  it.each([
    ['text', 'words', ''],
    ['a root that is no object', { type: 'array', items: {} }, '.type'],
    ['a union at the root', { anyOf: [objectOf({})] }, '.anyOf'],
    ['a reference at the root', { $ref: '#/$defs/a', $defs: { a: objectOf({}) } }, '.$ref'],
    ['no additionalProperties', { type: 'object', properties: {}, required: [] }, '.additionalProperties'],
    ['a property that is not required', { ...objectOf({ a: { type: 'string' } }), required: [] }, '.required'],
    ['a required name without property', { ...objectOf({}), required: ['b'] }, '.required'],
    ['an unknown type', objectOf({ a: { type: 'text' } }), '.properties.a.type'],
    ['a type named twice', objectOf({ a: { type: ['null', 'null'] } }), '.properties.a.type'],
    ['no type', objectOf({ a: { description: 'x' } }), '.properties.a'],
    ['a foreign reference', objectOf({ a: { $ref: 'https://x.example/y' } }), '.properties.a.$ref'],
    ['a reference into nothing', objectOf({ a: { $ref: '#/$defs/gone' } }), '.properties.a.$ref'],
    ['a reference with company', { ...objectOf({ a: { $ref: '#/$defs/t', type: 'string' } }) }, '.properties.a'],
    [
      'references that only lead to each other',
      { ...objectOf({ a: { $ref: '#/$defs/b' } }), $defs: { b: { $ref: '#/$defs/c' }, c: { $ref: '#/$defs/b' } } },
      '.properties.a.$ref',
    ],
    [
      'a deep fault in a list',
      objectOf({ a: { type: 'array', items: { type: 'object' } } }),
      '.properties.a.items.additionalProperties',
    ],
    ['a fault in a definition', { ...objectOf({}), $defs: { x: true } }, '.$defs.x'],
  ])('with %s is refused and the place named', (_name, schema, path) => {
    expect(strictSchemaProblem(schema)?.path).toBe(path);
  });

  it('may refer to itself', () => {
    const schema = { ...objectOf({ next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }) };
    expect(strictSchemaProblem(schema)).toBeNull();
  });
});

describe('lowering a schema that is not strict', () => {
  it('keeps what the provider accepts and fills what it demands', () => {
    expect(
      lowerSchema({
        title: 'dropped',
        properties: {
          city: { const: 'Oslo', description: 'where' },
          any: true,
          list: { items: { type: 'string', minLength: 3 } },
          when: { type: ['string', 'null'], format: 'date' },
          nested: { type: 'object' },
        },
        required: ['city'],
        $defs: { x: false },
      }),
    ).toEqual({
      type: 'object',
      properties: {
        city: { enum: ['Oslo'], description: 'where' },
        any: {},
        list: { items: { type: 'string' }, type: 'array' },
        when: { type: ['string', 'null'] },
        nested: { type: 'object', properties: {} },
      },
      required: ['city'],
      $defs: { x: {} },
    });
  });

  it.each([undefined, null, true, 'text', [], {}])('makes an empty object of %j', (schema) => {
    expect(lowerSchema(schema)).toEqual({ type: 'object', properties: {} });
  });

  it('changes nothing the second time, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (schema) => {
        const once = lowerSchema(schema);
        expect(lowerSchema(once)).toEqual(once);
      }),
    );
    fc.assert(
      fc.property(strictSchema, (schema) => {
        const once = lowerSchema(schema);
        expect(lowerSchema(once)).toEqual(once);
        expect(once['required']).toEqual(schema.required);
      }),
    );
  });
});
