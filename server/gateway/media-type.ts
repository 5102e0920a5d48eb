/** What a client says its body is. */
import { GatewayError } from '../contract/gateway-error.ts';

/**
 * A body that says it is something else would only be refused later, in words about JSON.
 *
 * @throws {GatewayError} `unsupported_media_type`.
 */
export function checkIsJson({ 'content-type': type }: { readonly 'content-type'?: string | undefined }): void {
  const isJson = type === undefined || type === '' || /^application\/(?:[\w.+-]+\+)?json\b/i.test(type);
  if (!isJson) throw new GatewayError('unsupported_media_type');
}
