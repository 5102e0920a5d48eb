/** The story of one `/v1` transcription: the form is read, sent on as dictation is, and its text told back. */
import { GatewayError } from '../contract/gateway-error.ts';
import { mayUseModel } from '../api-keys/key-policy.ts';
import { writeForm } from '../lib/write-form.ts';
import { beginForResponse } from './begin-for-response.ts';
import { createDocumentCarrier, type TextDocument } from './carriers/document-carrier.ts';
import { plainAsk } from './dialects/codex/read-service-ask.ts';
import { recordOf } from './dialects/openai/json-record.ts';
import { readTranscription, transcriptionForm } from './dialects/openai-audio/read-transcription.ts';
import { authenticatePublic } from './handle-public-request.ts';
import type { GatewayParts } from './handle-request.ts';
import type { MediaCall } from './media-routes.ts';
import { openExchange } from './open-exchange.ts';
import { ourName } from './our-identity.ts';
import { takeSeatEarly, type EarlySeat } from './seat-before-body.ts';
import { refuse, serveExchange } from './serve-exchange.ts';
import { transcription, transcriptionModel } from './services.ts';

/** Of every recording: its own name is the client's alone. */
const fileName = 'audio.wav';

/** @throws {GatewayError} or `RefusedByProvider` while nothing has been sent; afterwards it only ends the response. */
export async function handleTranscription(call: MediaCall, parts: GatewayParts): Promise<void> {
  const client = authenticatePublic(call, parts);
  const { request, response } = call;
  const run = beginForResponse(response, parts.running);
  let seat: EarlySeat | null = null;
  try {
    const settings = parts.settings();
    const { routeClass: lane } = transcription;
    seat = await takeSeatEarly({ client, lane, model: transcriptionModel, signal: run.signal }, parts);
    const asked = readTranscription(await parts.readForm(request, transcriptionForm));
    const boundary = `codex-pooler-${parts.random.id()}`;
    const ask = {
      ...plainAsk,
      service: transcription,
      upstreamPath: transcription.upstreamPath,
      model: transcriptionModel,
      requestedModel: asked.model,
      body: writeForm({
        boundary,
        fields: asked.fields,
        file: { field: 'file', name: fileName, bytes: asked.file.bytes },
      }),
      identityHeaders: [
        ...ourName(settings['gateway.originator']),
        ['content-type', `multipart/form-data; boundary=${boundary}`] as const,
      ],
      fileIds: [],
      mustOwnFiles: false,
    };
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    const refusal = refusalOf(client.policy);
    if (refusal) throw refuse(exchange, { parts, refusal });
    const render = (answer: Buffer) => documentOf(answer, asked.isPlainText);
    const carrier = createDocumentCarrier({ response, exchange, clock: parts.clock, render });
    await serveExchange(exchange, { carrier, parts: seat.parts });
  } finally {
    seat?.leave();
    run.done();
  }
}

function refusalOf(policy: Parameters<typeof mayUseModel>[0] | null): GatewayError | null {
  if (!policy) return new GatewayError('api_key_policy_malformed');
  return mayUseModel(policy, transcriptionModel) ? null : new GatewayError('model_not_allowed', { param: 'model' });
}

/** Only the text: what else the provider says of a recording is not this surface's. */
function documentOf(answer: Buffer, isPlainText: boolean): TextDocument {
  const { text } = recordOf(parsed(answer));
  if (typeof text !== 'string') throw new GatewayError('upstream_error');
  if (isPlainText) return { contentType: 'text/plain; charset=utf-8', text };
  return { contentType: 'application/json', text: JSON.stringify({ text }) };
}

function parsed(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString('utf8'));
  } catch {
    return null;
  }
}
