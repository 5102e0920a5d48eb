import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../world/real-world.ts';
import { isSameSecret, makeKey, readKey } from './key-format.ts';

describe('a key', () => {
  it('has the form that other programs know it by, and is read back as it was made', () => {
    const { secret, prefix, secretSha256 } = makeKey(systemRandom);
    expect(secret).toMatch(/^sk-cxp-[0-9a-f]{12}-[A-Za-z0-9_-]{43}$/);
    expect(secret.startsWith(`${prefix}-`)).toBe(true);
    expect(readKey(secret)).toEqual({ prefix, secretSha256 });
    expect(secretSha256).toHaveLength(32);
  });

  it('is never the same twice', () => {
    const keys = Array.from({ length: 100 }, () => makeKey(systemRandom));
    expect(new Set(keys.map(({ secret }) => secret)).size).toBe(100);
    expect(new Set(keys.map(({ prefix }) => prefix)).size).toBe(100);
  });

  it('with one letter changed is another key, or none', () => {
    const { secret, secretSha256 } = makeKey(systemRandom);
    fc.assert(
      fc.property(fc.nat(secret.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
        fc.pre(secret[at] !== letter);
        const changed = secret.slice(0, at) + letter + secret.slice(at + 1);
        const read = readKey(changed);
        const isSame =
          read !== null && secret.startsWith(`${read.prefix}-`) && isSameSecret(read.secretSha256, secretSha256);
        expect(isSame).toBe(false);
      }),
    );
  });

  it.each(['', 'sk-cxp-', 'sk-proj-abc', 'sk-cxp-00000000000-x', `sk-cxp-000000000000-${'a'.repeat(44)}`])(
    'is not %s',
    (text) => {
      expect(readKey(text)).toBeNull();
    },
  );

  it('is not one with spaces or lines around it', () => {
    const { secret } = makeKey(systemRandom);
    for (const text of [` ${secret}`, `${secret} `, `${secret}\n`, secret.toUpperCase()])
      expect(readKey(text)).toBeNull();
  });
});

describe('secrets', () => {
  it('are the same only when every byte is', () => {
    const secret = Buffer.from('0123456789abcdef');
    expect(isSameSecret(secret, Buffer.from(secret))).toBe(true);
    expect(isSameSecret(secret, secret.subarray(1))).toBe(false);
    expect(isSameSecret(secret, Buffer.from('0123456789abcdeF'))).toBe(false);
  });
});
