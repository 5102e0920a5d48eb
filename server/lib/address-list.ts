/** A list of IP addresses and ranges, and whether an address is in it. Node's own `BlockList` does the comparing. */
import { BlockList, isIP } from 'node:net';

export interface AddressList {
  /** Is this address, as a socket gives it, in the list? Never for what is no address. */
  has(address: string): boolean;
}

/**
 * @param ranges - Addresses and CIDR ranges. IPv4 written as IPv6 (`::ffff:10.0.0.1`) means the IPv4 address, here and
 *   when asked.
 * @returns null when one of them is neither.
 * @example createAddressList(['10.0.0.0/8', '::1'])?.has('::ffff:10.1.2.3') // true
 */
export function createAddressList(ranges: readonly string[]): AddressList | null {
  // Apart, because a list of both would count every IPv4 address to `::/0`.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const subnet = readSubnet(range);
    if (!subnet) return null;
    lists[subnet.family].addSubnet(subnet.text, subnet.prefix, subnet.family);
  }
  return {
    has(text) {
      const address = readAddress(text);
      return address !== null && lists[address.family].check(address.text, address.family);
    },
  };
}

interface Address {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
}

const bitsOf = { ipv4: 32, ipv6: 128 } as const;

function readSubnet(range: string): (Address & { readonly prefix: number }) | null {
  const [, text = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
  const address = readAddress(text);
  if (!address) return null;
  if (length === undefined) return { ...address, prefix: bitsOf[address.family] };
  const isMapped = address.family === 'ipv4' && isIP(text) === 6;
  const prefix = Number(length) - (isMapped ? mappedBits : 0);
  // Wider than the addresses that stand for IPv4: then IPv6 is meant.
  if (prefix < 0) return { text, family: 'ipv6', prefix: Number(length) };
  return prefix <= bitsOf[address.family] ? { ...address, prefix } : null;
}

/** A zone (`fe80::1%eth0`) says which interface, not which address. */
function readAddress(text: string): Address | null {
  const [plain = ''] = text.split('%', 1);
  const version = isIP(plain);
  if (version === 0) return null;
  if (version === 4) return { text: plain, family: 'ipv4' };
  const mapped = mappedIpv4(plain);
  return mapped === null ? { text: plain, family: 'ipv6' } : { text: mapped, family: 'ipv4' };
}

/** The bits before the IPv4 address in `::ffff:a.b.c.d`. */
const mappedBits = 96;

/** The URL parser writes IPv6 in one form only, where mapped addresses are `::ffff:hhhh:hhhh`. */
function mappedIpv4(ipv6: string): string | null {
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(new URL(`http://[${ipv6}]`).hostname);
  if (!match) return null;
  return [match[1], match[2]].flatMap((half) => [parseInt(half!, 16) >> 8, parseInt(half!, 16) & 0xff]).join('.');
}
