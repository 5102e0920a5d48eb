import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PoolSlug } from '../contract/pools.ts';
import { makeSlug } from './make-slug.ts';

describe('a slug made from a name', () => {
  it.each([
    ['Night shift', 'night-shift'],
    ['  Größe & Co.  ', 'grosse-co'],
    ['Équipe № 2', 'equipe-no-2'],
    ['a__b', 'a-b'],
    ['---', null],
    ['', null],
    ['夜勤', null],
  ])('of "%s" is %s', (name, slug) => {
    expect(makeSlug(name)).toBe(slug);
  });

  it('is one that a Pool may have, or none, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (name) => {
        const slug = makeSlug(name);
        expect(slug === null || PoolSlug.safeParse(slug).success).toBe(true);
      }),
    );
  });
});
