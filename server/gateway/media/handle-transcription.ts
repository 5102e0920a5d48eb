/** The story of one `/v1` transcription: the form is read, sent on as dictation is, and its text told back. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { parseJson, recordOf } from '../../lib/json-values.ts';
import { writeForm } from '../../lib/write-form.ts';
import { authenticatePublic } from '../public/authenticate-public.ts';
import { createDocumentCarrier, type TextDocument } from '../carriers/document-carrier.ts';
import { plainAsk } from '../dialects/codex/read-service-ask.ts';
import { readTranscription, transcriptionForm } from '../dialects/openai-audio/read-transcription.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { ourName } from '../public/our-identity.ts';
import { refusalOfModel } from '../refusals/refusal-of-model.ts';
import { serveCall } from '../serve-call.ts';
import { transcription, transcriptionModel } from '../native/services.ts';

/** Of every recording: its own name is the client's alone. */
const fileName = 'audio.wav';

/** @throws as {@link serveCall} does. */
export async function handleTranscription(call: IncomingCall, parts: GatewayParts): Promise<void> {
  const { request, response } = call;
  const client = authenticatePublic(call, parts);
  await serveCall(call, {
    client,
    earlySeat: { lane: transcription.routeClass, model: transcriptionModel },
    async read(settings, room) {
      const asked = readTranscription(await parts.readForm(request, { limits: transcriptionForm, room }));
      const boundary = `codex-pooler-${parts.random.id()}`;
      const file = { field: 'file', name: fileName, bytes: asked.file.bytes };
      const ask = {
        ...plainAsk,
        service: transcription,
        upstreamPath: transcription.upstreamPath,
        model: transcriptionModel,
        requestedModel: asked.model,
        body: writeForm({ boundary, fields: asked.fields, file }),
        identityHeaders: [
          ...ourName(settings['gateway.originator']),
          ['content-type', `multipart/form-data; boundary=${boundary}`] as const,
        ],
      };
      const render = (answer: Buffer) => documentOf(answer, asked.isPlainText);
      return {
        ask,
        refusal: refusalOfModel(client.policy, transcriptionModel),
        carrierOf: (exchange) => createDocumentCarrier({ response, exchange, clock: parts.clock, render }),
      };
    },
    parts,
  });
}

/** Only the text: what else the provider says of a recording is not this surface's. */
function documentOf(answer: Buffer, isPlainText: boolean): TextDocument {
  const { text } = recordOf(parseJson(answer));
  if (typeof text !== 'string') throw new GatewayError('upstream_error');
  if (isPlainText) return { contentType: 'text/plain; charset=utf-8', text };
  return { contentType: 'application/json', text: JSON.stringify({ text }) };
}
