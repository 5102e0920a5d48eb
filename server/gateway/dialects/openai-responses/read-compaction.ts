/** Reads a request of `/v1/responses/compact`: a conversation to be shortened, spelled as one to be answered. Pure. */
import type { JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from '../openai/bad-request.ts';
import type { PublicRequest } from '../openai/public-request.ts';
import { readResponses } from './read-responses.ts';

/** @throws {GatewayError} naming the field at fault. */
export function readCompaction(body: Buffer, request: JsonRecord): PublicRequest {
  const read = readResponses(body, request);
  if (read.wantsStream) throw badValue('stream', 'must be false: a compaction is one document');
  return read;
}
