/** A public request's body as a document, before its fields are looked at. Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { JsonSyntaxError, scanObject } from '../../../lib/json-spans.ts';
import { isRecord, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from './bad-request.ts';

/** Deeper nesting is nobody's request (v1 spec 1.3). */
const maxDepth = 128;

/** @throws {GatewayError} for what is no JSON object, or nests too deep. */
export function parseRequest(body: Buffer): JsonRecord {
  try {
    scanObject(body);
    const request: unknown = JSON.parse(body.toString('utf8'));
    if (!isRecord(request)) throw new SyntaxError();
    if (isDeeper(request, maxDepth)) throw badValue('body', `must not nest deeper than ${maxDepth} levels`);
    return request;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const at = error instanceof JsonSyntaxError ? ` (byte ${error.offset})` : '';
    throw new GatewayError('invalid_request', { detail: `The body is not a JSON object${at}.`, cause: error });
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
