/**
 * The path of a request with each segment decoded once, so that an address means the same however it is spelled (v1
 * spec 1.2). Pure.
 */
import { GatewayError } from '../contract/gateway-error.ts';

/** @throws {GatewayError} `invalid_path` for a segment that does not decode, or leads elsewhere. */
export function plainPath(path: string): string {
  const segments = path.split('/').map(decoded);
  if (segments.some((segment) => segment === '.' || segment === '..')) throw new GatewayError('invalid_path');
  return segments.map(encodeURIComponent).join('/');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new GatewayError('invalid_path', { cause: error });
  }
}
