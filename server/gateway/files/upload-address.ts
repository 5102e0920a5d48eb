/** May bytes be sent where the provider's answer says? Pure. */
import { isIP } from 'node:net';
import { isPublicAddress } from '../../world/public-address.ts';

/**
 * Only to a public host over https; names are looked up when the connection is made, and must then lead to the public
 * Internet as well. The one other host is the provider's own as the operator configured it.
 *
 * @returns the address, or null for one that nothing is sent to.
 */
export function uploadAddress(text: unknown, { providerOrigin }: { providerOrigin: string }): URL | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return null;
  const provider = new URL(providerOrigin);
  if (url.hostname === provider.hostname && url.protocol === provider.protocol) return url;
  if (url.protocol !== 'https:') return null;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 || isPublicAddress(host) ? url : null;
}
