/** The story of one `/v1` file: announced to an account, its bytes passed on from memory, and remembered by its id. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { recordOf } from '../../lib/json-values.ts';
import { NetworkFault } from '../../world/world.ts';
import { authenticatePublic } from '../public/authenticate-public.ts';
import { createDocumentCarrier, type TextDocument } from '../carriers/document-carrier.ts';
import { plainAsk } from '../dialects/codex/read-service-ask.ts';
import { currentAttempt, type Exchange } from '../exchange.ts';
import { fileForm, readFileForm, type FileRequest } from '../files/read-file-form.ts';
import { uploadBytes } from '../files/upload-bytes.ts';
import { extensionOf, fileLifeMs, fileObject } from '../files/uploaded-file.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { ourName } from '../public/our-identity.ts';
import { readFileId } from '../attempt/read-file-id.ts';
import { serveCall } from '../serve-call.ts';
import { fileCreation } from '../native/services.ts';

/** @throws as {@link serveCall} does. */
export async function handleFileUpload(call: IncomingCall, parts: GatewayParts): Promise<void> {
  const { request, response } = call;
  const client = authenticatePublic(call, parts);
  await serveCall(call, {
    client,
    earlySeat: { lane: fileCreation.routeClass, model: '' },
    async read(settings, room) {
      const asked = readFileForm(await parts.readForm(request, { limits: fileForm, room }));
      const { file } = asked;
      const announcement = { file_name: file.name || 'file', file_size: file.bytes.length, use_case: 'codex' };
      const ask = {
        ...plainAsk,
        service: fileCreation,
        upstreamPath: fileCreation.upstreamPath,
        body: Buffer.from(JSON.stringify(announcement)),
        identityHeaders: ourName(settings['gateway.originator']),
      };
      return {
        ask,
        refusal: client.policy ? null : new GatewayError('api_key_policy_malformed'),
        carrierOf(exchange) {
          const render = (answer: Buffer) => bringFile(answer, { exchange, asked, parts });
          return createDocumentCarrier({ response, exchange, clock: parts.clock, render });
        },
      };
    },
    parts,
  });
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
