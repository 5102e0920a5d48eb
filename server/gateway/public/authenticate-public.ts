/** Who calls on the OpenAI surface, and whether the Pool offers it: asked before a byte of body is read. */
import type { Client } from '../../api-keys/key-book.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Caller } from '../native/authenticate-native.ts';
import type { GatewayParts } from '../gateway-parts.ts';

/**
 * `x-api-key` counts where there is no `authorization` (v1 spec D4).
 *
 * @throws {GatewayError} what the key book throws, and `v1_compatibility_disabled`.
 */
export function authenticatePublic(
  { request, clientAddress }: Caller,
  { keys, pools }: Pick<GatewayParts, 'keys' | 'pools'>,
): Client {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  const shown = authorization ?? (typeof apiKey === 'string' ? `Bearer ${apiKey}` : undefined);
  const client = keys.authenticate({ authorization: shown, address: clientAddress });
  if (!pools.routingOf(client.poolId).v1Compatibility) throw new GatewayError('v1_compatibility_disabled');
  return client;
}
