import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskEmail } from './mask-email.ts';

describe('a masked e-mail', () => {
  it('keeps the first letters and the ending', () => {
    expect(maskEmail('anna.berg@mail.sandbox.example')).toBe('a***@m***.example');
    expect(maskEmail('a@b')).toBe('a***@b***');
  });

  it('shows nothing of text that is no address', () => {
    for (const text of ['anna', '@', 'anna@', '@mail.example', 'a@b@c', '']) expect(maskEmail(text)).toBe('***');
  });

  it('never contains the name or the domain', () => {
    const word = fc.stringMatching(/^[a-z]{3,20}$/);
    fc.assert(
      fc.property(word, word, (name, domain) => {
        const masked = maskEmail(`${name}@${domain}.example`);
        expect(masked.split('.')[0]).toBe(`${name[0]}***@${domain[0]}***`);
      }),
    );
  });
});
