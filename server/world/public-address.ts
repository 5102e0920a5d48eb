/** Which addresses belong to the public Internet, and a look-up that finds no others. */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

const notPublic = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  notPublic.addSubnet(network, prefix, 'ipv4');

/** Of IPv6 only this range is in use between networks; the rest of it that leads elsewhere is taken out. */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');
const leadsElsewhere = new BlockList();
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const)
  leadsElsewhere.addSubnet(network, prefix, 'ipv6');

/** False for what is no address at all, for an IPv4 address written as IPv6, and for one with a zone. */
export function isPublicAddress(text: string): boolean {
  const version = isIP(text);
  if (version === 4) return !notPublic.check(text, 'ipv4');
  return version === 6 && !text.includes('%') && global.check(text, 'ipv6') && !leadsElsewhere.check(text, 'ipv6');
}

type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** For sockets: the check is made on the very address that is connected to, so a name cannot change its mind between. */
export function lookupPublic(host: string, options: LookupOptions, found: Found): void {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return found(error, []);
    const open = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = open;
    if (!first) return found(Object.assign(new Error('no public address'), { code: 'ENOTFOUND' }), []);
    if (options.all) found(null, open);
    else found(null, first.address, first.family);
  });
}
