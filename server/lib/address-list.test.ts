import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAddressList } from './address-list.ts';

describe('a list of addresses', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['192.168.1.7', '192.168.1.7', true],
    ['192.168.1.7', '192.168.1.8', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:0a01:0203', true],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '11.1.2.3', false],
    ['::ffff:192.168.1.7', '192.168.1.7', true],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '203.0.113.9', false],
    ['::/0', '2001:db8::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['2001:db8::/32', '2001:DB8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
  ])('%s has %s: %s', (range, address, isIn) => {
    expect(createAddressList([range])?.has(address)).toBe(isIn);
  });

  it.each([
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0',
    '010.0.0.1',
    '::1/129',
    '::ffff:1.2.3.4/129',
    '10.0.0.0/8/8',
    '/8',
  ])('is none when one of them is "%s"', (range) => {
    expect(createAddressList(['10.0.0.0/8', range])).toBeNull();
  });

  it('has nothing that is no address', () => {
    const all = createAddressList(['0.0.0.0/0', '::/0']);
    for (const text of ['', 'unknown', '10.0.0', '10.0.0.1:80']) expect(all?.has(text)).toBe(false);
  });

  it('has an IPv4 address when the first bits are the same as those of a range, however either is written', () => {
    const written = (address: number, isMapped: boolean) =>
      (isMapped ? '::ffff:' : '') + [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
    const address = fc.integer({ min: 0, max: 0xffffffff });
    // Near addresses, or hardly any would ever be in.
    const pair = fc
      .tuple(address, fc.integer({ min: 0, max: 32 }))
      .map(([base, bit]) => [base, flip(base, bit)] as const);
    fc.assert(
      fc.property(pair, fc.integer({ min: 0, max: 32 }), fc.boolean(), fc.boolean(), ([base, other], prefix, a, b) => {
        const isIn = prefix === 0 || base >>> (32 - prefix) === other >>> (32 - prefix);
        const range = `${written(base, a)}/${a ? prefix + 96 : prefix}`;
        expect(createAddressList([range])?.has(written(other, b))).toBe(isIn);
      }),
    );
  });

  it('has an IPv6 address when the first bits are the same as those of a range', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    // 2000::/3 only: what stands for IPv4 has rules of its own, above.
    const groups = fc.tuple(fc.integer({ min: 0x2000, max: 0x3fff }), ...Array.from({ length: 7 }, () => group));
    const written = (parts: readonly number[]) => parts.map((part) => part.toString(16)).join(':');
    const bits = (parts: readonly number[]) => parts.map((part) => part.toString(2).padStart(16, '0')).join('');
    fc.assert(
      fc.property(groups, fc.integer({ min: 3, max: 128 }), fc.integer({ min: 0, max: 128 }), (base, bit, prefix) => {
        const other = base.map((part, index) => (index === bit >> 4 ? part ^ (0x8000 >> (bit & 15)) : part));
        const isIn = bits(base).slice(0, prefix) === bits(other).slice(0, prefix);
        expect(createAddressList([`${written(base)}/${prefix}`])?.has(written(other))).toBe(isIn);
      }),
    );
  });
});

/** The same number with one bit turned; none for bit 32. */
function flip(number: number, bit: number): number {
  return bit === 32 ? number : (number ^ (0x80000000 >>> bit)) >>> 0;
}
