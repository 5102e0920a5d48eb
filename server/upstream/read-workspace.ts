/**
 * Reads from `accounts/check` where one account's workspace wants its inference (wire spec B8). The answer decides where
 * access tokens are sent, so only the provider's own hosts and the configured one are believed. Pure.
 */
import { isLoopbackHost } from '../lib/is-loopback-host.ts';
import { recordOf } from '../lib/json-values.ts';

/** Null means the provider's default. */
export interface Workspace {
  /** An origin, without trailing slash. */
  readonly backendOrigin: string | null;
  /** Sent as `x-openai-account-routing-override`. */
  readonly routingOverride: string | null;
}

/** The provider's word for "no wish". */
const noConstraint = 'NO_CONSTRAINT';

/** `chatgpt.com`, `gov.chatgpt.com` and the like (wire spec B1). */
const providerDomains = ['chatgpt.com', 'openai.com'];

/**
 * The workspace of the account with this id, or null when the document does not name it exactly once. An origin or an
 * override that cannot be right is left out, as if the provider had no wish.
 */
export function readWorkspace(
  document: unknown,
  { chatgptAccountId, upstreamUrl }: { chatgptAccountId: string; upstreamUrl: string },
): Workspace | null {
  const accounts = recordOf(document)['accounts'];
  if (!Array.isArray(accounts)) return null;
  const entries = (accounts as unknown[]).map(recordOf).filter((entry) => entry['id'] === chatgptAccountId);
  const entry = entries[0];
  if (entry === undefined || entries.length > 1) return null;
  return {
    backendOrigin: readOrigin(entry['workspace_backend_origin'], upstreamUrl),
    routingOverride: readOverride(entry['account_routing_override']),
  };
}

function readOrigin(value: unknown, upstreamUrl: string): string | null {
  if (typeof value !== 'string' || value === noConstraint || !URL.canParse(value)) return null;
  const url = new URL(value);
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!isBare || url.pathname !== '/') return null;
  const configured = new URL(upstreamUrl);
  if (url.origin === configured.origin) return null;
  const isSecure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
  const isKnown = url.hostname === configured.hostname || isProviderHost(url);
  return isSecure && isKnown ? url.origin : null;
}

function isProviderHost(url: URL): boolean {
  if (url.port !== '') return false;
  return providerDomains.some((domain) => url.hostname === domain || url.hostname.endsWith(`.${domain}`));
}

function readOverride(value: unknown): string | null {
  return typeof value === 'string' && value !== noConstraint && /^[a-z0-9_]{1,32}$/.test(value) ? value : null;
}
