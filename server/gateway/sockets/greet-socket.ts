/** What the answer to a websocket's handshake tells its client. */
import type { IncomingMessage } from 'node:http';
import type { Client } from '../../api-keys/key-book.ts';
import { hasListOfItsOwn } from '../../api-keys/key-policy.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { poolUsage } from '../native/pool-usage.ts';
import { usageHeaders } from '../native/usage-headers.ts';
import type { Handshake } from './socket-surface.ts';

/** What Codex reads: the model list it would get, its Pool's limits, and a name for its turns. */
export function greetCodex(
  { request }: Handshake,
  { client, parts }: { client: Client; parts: GatewayParts },
): Record<string, string> {
  const { poolId, policy } = client;
  const etag = hasListOfItsOwn(policy) ? null : parts.poolEtag(poolId);
  const rows = parts.book.inPool(poolId).map((account) => ({
    account,
    readings: parts.board.limits(account.id, null),
  }));
  return {
    'x-codex-turn-state': turnStateOf(request) ?? parts.random.id(),
    ...(etag !== null && { 'x-models-etag': etag }),
    ...usageHeaders(poolUsage(rows, parts.clock.now())),
  };
}

/** Other clients read only the name; it leads to no account. */
export function greetPublic({ request }: Handshake, { parts }: { parts: GatewayParts }): Record<string, string> {
  return { 'x-codex-turn-state': turnStateOf(request) ?? parts.random.id() };
}

function turnStateOf({ headers }: Pick<IncomingMessage, 'headers'>): string | null {
  const value = headers['x-codex-turn-state'];
  return typeof value === 'string' && /^[\x21-\x7e]{1,1024}$/.test(value) ? value : null;
}
