/** Reads what the engine must know of a native call beside inference. The body stays as it came. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { JsonSyntaxError, readSpan, scanObject } from '../../../lib/json-spans.ts';
import type { Ask } from '../../exchange.ts';
import { fileIdPattern } from '../../attempt/read-file-id.ts';
import type { ServiceRoute } from '../../native/services.ts';
import { identityHeadersOf, readCodexAsk, type CodexRequest } from './read-ask.ts';

export interface ServiceRequest {
  readonly body: Buffer;
  readonly headers: CodexRequest['headers'];
  readonly service: ServiceRoute;
  /** The file of the path, where the path names one. */
  readonly fileId: string | null;
}

/** @throws {GatewayError} `invalid_request`, or `file_not_found` for what is no file's name. */
export function readServiceAsk({ body, headers, service, fileId }: ServiceRequest): Ask {
  if (fileId !== null && !fileIdPattern.test(fileId)) throw new GatewayError('file_not_found', { param: 'file_id' });
  const upstreamPath = service.upstreamPath.replace(':fileId', fileId ?? '');
  if (service.model.kind === 'inference') {
    const asked = readCodexAsk({ body, headers, upstreamPath, isCompaction: false });
    // It names its conversation in the body alone, whose account can open what the conversation carries.
    const thread = textMember(body, 'id');
    return { ...asked, service, threadAnchors: [...(thread ? [thread] : []), ...asked.threadAnchors] };
  }
  const { kind } = service.model;
  const requestedModel = kind === 'none' ? '' : kind === 'fixed' ? service.model.name : textMember(body, 'model');
  return {
    ...plainAsk,
    service,
    upstreamPath,
    model: requestedModel.trim(),
    requestedModel,
    body,
    identityHeaders: identityHeadersOf(headers),
    fileIds: fileId === null ? [] : [fileId],
    mustOwnFiles: fileId !== null,
  };
}

/** What no call beside inference has. */
export const plainAsk = {
  model: '',
  requestedModel: '',
  wantsStream: false,
  isCompaction: false,
  requestedTier: null,
  reasoningEffort: null,
  isEffortReadable: true,
  outputCap: null,
  hasOpaqueContext: false,
  hasImages: false,
  hasTools: false,
  turnState: null,
  threadAnchors: [],
  promptCacheKey: null,
  idempotencyKey: null,
  previousResponseIds: [],
  compactions: [],
  fileIds: [],
  mustOwnFiles: false,
} as const;

const longestText = 255;

/** A short text of the body; empty where there is none. The provider says what it thinks of that. */
function textMember(body: Buffer, name: string): string {
  try {
    const member = scanObject(body).find(({ key }) => key === name);
    const value = member && member.end - member.start <= longestText ? readSpan(body, member) : '';
    return typeof value === 'string' ? value : '';
  } catch (error) {
    if (!(error instanceof JsonSyntaxError) && !(error instanceof SyntaxError)) throw error;
    throw new GatewayError('invalid_request', { detail: 'The body is not a JSON object.', cause: error });
  }
}
