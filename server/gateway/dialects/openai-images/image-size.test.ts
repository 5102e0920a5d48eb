import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeFault } from './image-size.ts';
import { imageType } from './image-type.ts';

describe('the size of an image', () => {
  it.each([
    ['auto', true],
    ['1024x1024', true],
    ['2048x1152', true],
    ['3840x2160', true],
    ['3856x2160', false],
    ['1024x1000', false],
    ['3072x1008', false],
    ['3072x1024', true],
    ['800x800', false],
    ['816x816', true],
    ['1024', false],
    ['-16x16', false],
  ])('%s is one of the newest model: %s', (size, isFine) => {
    expect(sizeFault(size, { isFree: true }) === null).toBe(isFine);
  });

  it('is one of three for the others', () => {
    for (const size of ['auto', '1024x1024', '1536x1024', '1024x1536'])
      expect(sizeFault(size, { isFree: false })).toBeNull();
    expect(sizeFault('2048x1152', { isFree: false })).not.toBeNull();
  });

  it('never depends on which edge comes first', () => {
    const edge = fc.integer({ min: 1, max: 260 }).map((each) => each * 16);
    fc.assert(
      fc.property(edge, edge, (a, b) => {
        const verdicts = [`${a}x${b}`, `${b}x${a}`].map((size) => sizeFault(size, { isFree: true }));
        expect(verdicts[0]).toBe(verdicts[1]);
      }),
    );
  });
});

describe('the type of an image', () => {
  it('is what its bytes say', () => {
    const typeOf = (latin1: string) => imageType(Buffer.from(latin1, 'latin1'));
    expect(typeOf('\x89PNG\r\n\x1a\n...')).toBe('image/png');
    expect(typeOf('\xff\xd8\xff\xe0')).toBe('image/jpeg');
    expect(typeOf('GIF89a')).toBe('image/gif');
    expect(typeOf('RIFF....WEBPVP8')).toBe('image/webp');
    expect(typeOf('RIFF....WAVEfmt')).toBeNull();
    expect(typeOf('<svg xmlns=')).toBeNull();
    expect(typeOf('')).toBeNull();
  });
});
