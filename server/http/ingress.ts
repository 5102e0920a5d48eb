/**
 * Who may speak to this server at all. A web page on another site can make the browser call `localhost` under a name of
 * its own (DNS rebinding) or carry its origin along; both are refused on every route, before anything else.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { GatewayError } from '../contract/gateway-error.ts';
import { hostNameOf, readTarget } from './request-target.ts';

export interface IngressOptions {
  /** Where the server listens; a specific address is a name it answers to. */
  readonly bindAddress: string;
  /** The configured public host (`PHX_HOST`), if any. */
  readonly publicHost: string | null;
}

export interface Ingress {
  /** @throws {GatewayError} `host_not_allowed`, `origin_not_allowed`, `invalid_path`. */
  check(request: { host: string | undefined; origin: string | undefined; url: string }): void;
}

/** Of this machine, everywhere. */
const ownNames = ['localhost', '127.0.0.1', '[::1]'];

export function createIngress({ bindAddress, publicHost }: IngressOptions): Ingress {
  const publicName = publicHost === null ? null : hostNameOf(bracketed(publicHost));
  const boundName = hostNameOf(bracketed(bindAddress));
  const names = new Set([...ownNames, boundName, publicName]);
  const answersOnEveryAddress = boundName === '0.0.0.0' || boundName === '[::]';

  /** Rebinding needs a name; a literal address cannot be rebound, so on open binds every address may be used. */
  function isAllowed(host: string): boolean {
    return names.has(host) || (answersOnEveryAddress && isIP(host.replace(/^\[|\]$/g, '')) !== 0);
  }

  return {
    check({ host, origin, url }) {
      const hostName = hostNameOf(host ?? '');
      if (hostName === null || !isAllowed(hostName)) throw new GatewayError('host_not_allowed');
      if (origin !== undefined && !isOwnOrigin(origin, { host, publicName }))
        throw new GatewayError('origin_not_allowed');
      if (hasHiddenSeparator(url)) throw new GatewayError('invalid_path');
    },
  };
}

/**
 * Lets a request in, or not. From then on its `url` is path and query alone, however its target was written.
 *
 * @throws {GatewayError} as {@link readTarget} and `check` do.
 */
export function letIn(request: IncomingMessage, ingress: Ingress): void {
  const { host, url } = readTarget(request);
  request.url = url;
  ingress.check({ host, origin: request.headers.origin, url });
}

/**
 * A page may call only if it came from this very server: its origin is what the request names as host, port included
 * (another program's page on localhost is another origin), or the public host, which a proxy may have replaced. No proxy
 * makes the pages of this machine its own.
 */
function isOwnOrigin(
  origin: string,
  { host, publicName }: { host: string | undefined; publicName: string | null },
): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const isOfPublicHost = publicName !== null && hostNameOf(page.hostname) === publicName;
  if (isOfPublicHost && !ownNames.includes(publicName)) return true;
  const own = `${page.protocol}//${host ?? ''}`;
  return URL.canParse(own) && page.host !== '' && page.host === new URL(own).host;
}

/** A segment that decodes to a separator or NUL could mean another path to whoever decodes twice (gateway spec 2.1). */
function hasHiddenSeparator(url: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  // The name of a model may hold a slash, and ends its path.
  const hidden = /^\/v1\/models\/[^/]+$/i.test(path) ? /%(?:5c|00)|\\/i : /%(?:2f|5c|00)|\\/i;
  return hidden.test(path);
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
