import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createByteGathering, maxLoosePieces } from './gather-bytes.ts';

it('gives back what came, in its order, however it was cut', () => {
  const piece = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const pieces = fc.tuple(fc.array(piece), fc.integer({ min: 0, max: 2 * maxLoosePieces }));
  fc.assert(
    fc.property(pieces, ([some, crumbs]) => {
      const all = [...some, ...Array.from({ length: crumbs }, (_, index) => Buffer.from([index % 256])), ...some];
      const gathering = createByteGathering();
      for (const each of all) gathering.add(each);
      expect(gathering.whole()).toEqual(Buffer.concat(all));
      expect(gathering.bytes).toBe(Buffer.concat(all).length);
    }),
  );
});

it('holds a hundred thousand single bytes in few buffers', () => {
  const gathering = createByteGathering();
  for (let count = 0; count < 100_000; count += 1) gathering.add(Buffer.from('x'));
  expect(gathering.pieces).toBeLessThan(maxLoosePieces + 100);
  expect(gathering.whole().toString()).toBe('x'.repeat(100_000));
});

it('copies nothing that came in one piece', () => {
  const piece = Buffer.from('whole');
  const gathering = createByteGathering();
  gathering.add(piece);
  expect(gathering.whole()).toBe(piece);
});
