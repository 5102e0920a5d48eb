/** The story of one `/v1` file: announced to an account, its bytes passed on from memory, and remembered by its id. */
import { GatewayError } from '../contract/gateway-error.ts';
import { NetworkFault } from '../world/world.ts';
import { beginForResponse } from './begin-for-response.ts';
import { createDocumentCarrier, type TextDocument } from './carriers/document-carrier.ts';
import { plainAsk } from './dialects/codex/read-service-ask.ts';
import { recordOf } from './dialects/openai/json-record.ts';
import { currentAttempt, type Exchange } from './exchange.ts';
import { fileForm, readFileForm, type FileRequest } from './files/read-file-form.ts';
import { uploadBytes } from './files/upload-bytes.ts';
import { extensionOf, fileLifeMs, fileObject } from './files/uploaded-file.ts';
import { authenticatePublic } from './handle-public-request.ts';
import type { GatewayParts } from './handle-request.ts';
import type { MediaCall } from './media-routes.ts';
import { openExchange } from './open-exchange.ts';
import { ourName } from './our-identity.ts';
import { readFileId } from './read-file-id.ts';
import { takeSeatEarly, type EarlySeat } from './seat-before-body.ts';
import { refuse, serveExchange } from './serve-exchange.ts';
import { fileCreation } from './services.ts';

/** @throws {GatewayError} or `RefusedByProvider` while nothing has been sent; afterwards it only ends the response. */
export async function handleFileUpload(call: MediaCall, parts: GatewayParts): Promise<void> {
  const client = authenticatePublic(call, parts);
  const { request, response } = call;
  const run = beginForResponse(response, parts.running);
  let seat: EarlySeat | null = null;
  try {
    const settings = parts.settings();
    seat = await takeSeatEarly({ client, lane: fileCreation.routeClass, model: '', signal: run.signal }, parts);
    const asked = readFileForm(await parts.readForm(request, fileForm));
    const { file } = asked;
    const announcement = { file_name: file.name || 'file', file_size: file.bytes.length, use_case: 'codex' };
    const ask = {
      ...plainAsk,
      service: fileCreation,
      upstreamPath: fileCreation.upstreamPath,
      model: '',
      requestedModel: '',
      body: Buffer.from(JSON.stringify(announcement)),
      identityHeaders: ourName(settings['gateway.originator']),
      fileIds: [],
      mustOwnFiles: false,
    };
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    if (!client.policy) throw refuse(exchange, { parts, refusal: new GatewayError('api_key_policy_malformed') });
    const render = (answer: Buffer) => bringFile(answer, { exchange, asked, parts });
    const carrier = createDocumentCarrier({ response, exchange, clock: parts.clock, render });
    await serveExchange(exchange, { carrier, parts: seat.parts });
  } finally {
    seat?.leave();
    run.done();
  }
}

/** Nothing is kept of a file that did not arrive. */
async function bringFile(
  answer: Buffer,
  { exchange, asked, parts }: { exchange: Exchange; asked: FileRequest; parts: GatewayParts },
): Promise<TextDocument> {
  const { client, ask, signal } = exchange;
  const { file, purpose } = asked;
  const fileId = readFileId(answer);
  const account = parts.book.inPool(client.poolId).find(({ id }) => id === currentAttempt(exchange)?.accountId);
  if (fileId === null || !account) throw new GatewayError('upstream_file_upload_failed');
  const { upload_url: address } = recordOf(JSON.parse(answer.toString('utf8')));
  const { identityHeaders } = ask;
  try {
    await uploadBytes({ fileId, address, bytes: file.bytes, account, identityHeaders, signal }, parts.uploads);
  } catch (error) {
    if (error instanceof NetworkFault && !signal.aborted)
      throw new GatewayError('upstream_file_upload_failed', { cause: error });
    throw error;
  }
  const createdAt = parts.clock.now();
  const kept = {
    id: fileId,
    keyId: client.keyId,
    accountId: account.id,
    sizeBytes: file.bytes.length,
    purpose,
    extension: extensionOf(file.name),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + fileLifeMs),
  };
  await parts.files.keep(kept);
  return { contentType: 'application/json', text: JSON.stringify(fileObject(kept, file.name || undefined)) };
}
