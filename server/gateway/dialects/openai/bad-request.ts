/** The three ways in which a public request can be wrong (v1 spec 2). Neither ever repeats what the client wrote. */
import { GatewayError } from '../../../contract/gateway-error.ts';

/** @param what - The end of a sentence that begins with the field, e.g. `must be a list`. */
export function badValue(param: string, what: string): GatewayError {
  return new GatewayError('invalid_request', { param, detail: `'${param}' ${what}.` });
}

/** @param why - What to do instead, when there is something. */
export function unsupported(param: string, why?: string): GatewayError {
  const detail = `Unsupported parameter: '${param}'.`;
  return new GatewayError('unsupported_parameter', { param, detail: why ? `${detail} ${why}` : detail });
}

/** @param param - The field that the request cannot do without. */
export function missing(param: string): GatewayError {
  return new GatewayError('missing_required_parameter', { param, detail: `Missing required parameter: '${param}'.` });
}
