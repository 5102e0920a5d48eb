/** Who calls on a native path, asked before a byte of body is read. */
import type { Client } from '../../api-keys/key-book.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';

/** What is looked at of a call. */
export type Caller = Pick<IncomingCall, 'clientAddress'> & {
  readonly request: Pick<IncomingCall['request'], 'headers'>;
};

/** @throws {GatewayError} what the key book throws. */
export function authenticateNative({ request, clientAddress }: Caller, { keys }: Pick<GatewayParts, 'keys'>): Client {
  return keys.authenticate({ authorization: request.headers.authorization, address: clientAddress });
}
