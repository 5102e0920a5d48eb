/** What a client is told whose key ended after it was recognised. Pure. */
import type { KeyEnd } from '../../api-keys/key-status.ts';
import { GatewayError } from '../../contract/gateway-error.ts';

/** What a client whose key was moved is asked to wait: then it is recognised in its new Pool. */
const movedRetryMs = 1_000;

/** @example throw keyEnded('api_key_paused'); */
export function keyEnded(end: KeyEnd): GatewayError {
  return new GatewayError(end, end === 'api_key_moved' ? { retryAfterMs: movedRetryMs } : {});
}
