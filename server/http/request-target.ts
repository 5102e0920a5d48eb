/**
 * What a request asks, and of which host (RFC 9112 §3.2). Two lines that name a host, or a target that names another than
 * the line does, could mean one host to whoever stands before this server and another one here. Pure.
 */
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../contract/gateway-error.ts';

export interface RequestTarget {
  /** With its port, as it was written; undefined where a client of HTTP/1.0 named none. */
  readonly host: string | undefined;
  /** Path and query, or `*`. */
  readonly url: string;
}

/** No address of ours comes near it, and what looks through a path may look more than once. */
const longestTarget = 8 * 1024;

/**
 * A target that names its host is as good as one that does not, and counts more than the line (§3.2.2).
 *
 * @throws {GatewayError} `invalid_host` unless the host is named once, by something that may be one; `invalid_path` for
 *   a target in none of the forms; `path_too_long`.
 */
export function readTarget({
  rawHeaders,
  httpVersion,
  url = '/',
}: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion' | 'url'>): RequestTarget {
  if (url.length > longestTarget) throw new GatewayError('path_too_long');
  const hosts = rawHeaders.filter(
    (_value, index) => rawHeaders[index - 1]?.toLowerCase() === 'host' && index % 2 === 1,
  );
  const [host] = hosts;
  const mayBeNone = httpVersion === '1.0' || httpVersion === '0.9';
  if (hosts.length > 1 || (host === undefined && !mayBeNone)) throw new GatewayError('invalid_host');
  if (host !== undefined && hostNameOf(host) === null) throw new GatewayError('invalid_host');
  // A fragment is the client's own and never sent.
  if (url.includes('#')) throw new GatewayError('invalid_path');
  if (url.startsWith('/') || url === '*') return { host, url };
  const [, authority, rest] = /^https?:\/\/([^/?]*)(.*)$/i.exec(url) ?? [];
  if (authority === undefined || rest === undefined) throw new GatewayError('invalid_path');
  if (hostNameOf(authority) === null) throw new GatewayError('invalid_host');
  return { host: authority, url: rest.startsWith('/') ? rest : `/${rest}` };
}

/**
 * `Host` is `name`, `name:port`, `[v6]` or `[v6]:port` (RFC 9110 §7.2). A name with a dot at its end, and an address in
 * other digits, are the same host.
 *
 * @returns null for anything else.
 */
export function hostNameOf(host: string): string | null {
  const name = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(host)?.[1]?.toLowerCase();
  if (name === undefined) return null;
  if (!name.startsWith('[')) return name.replace(/(?<=.)\.$/, '');
  return URL.parse(`http://${name}`)?.hostname ?? null;
}
