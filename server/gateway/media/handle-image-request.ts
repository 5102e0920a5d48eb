/** The story of one `/v1` request for an image: read, asked of a model that can draw, and told as an image. */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Settings } from '../../contract/settings.ts';
import { authenticatePublic } from '../public/authenticate-public.ts';
import type { BodyRoom } from '../admission/body-room.ts';
import { AnswerFailed } from '../carriers/follow-answer.ts';
import { createPublicCarrier } from '../carriers/public-carrier.ts';
import { chooseImageHost } from './choose-image-host.ts';
import { readCodexAsk } from '../dialects/codex/read-ask.ts';
import { askForImage } from '../dialects/openai-images/ask-for-image.ts';
import { editForm, readEdit, readGeneration, type ImageRequest } from '../dialects/openai-images/read-image-request.ts';
import { renderImages } from '../dialects/openai-images/render-images.ts';
import { parseRequest } from '../dialects/openai/parse-request.ts';
import { providerFailure } from '../dialects/openai/provider-failure.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { checkIsJson } from '../media-type.ts';
import { ourIdentity } from '../public/our-identity.ts';
import { refusalOfModel } from '../refusals/refusal-of-model.ts';
import { serveCall } from '../serve-call.ts';

/** `/v1/images/generations` @throws as {@link serveCall} does */
export function handleGeneration(call: IncomingCall, parts: GatewayParts): Promise<void> {
  return handleImageRequest(call, {
    parts,
    async read(settings, room) {
      checkIsJson(call.request.headers);
      const maxBytes = settings['gateway.max_body_bytes'];
      return readGeneration(parseRequest(await parts.readBody(call.request, { settings, maxBytes, room })));
    },
  });
}

/** `/v1/images/edits` @throws as {@link serveCall} does */
export function handleEdit(call: IncomingCall, parts: GatewayParts): Promise<void> {
  return handleImageRequest(call, {
    parts,
    read: async (_settings, room) => readEdit(await parts.readForm(call.request, { limits: editForm, room })),
  });
}

interface ImageStory {
  readonly parts: GatewayParts;
  readonly read: (settings: Settings, room: BodyRoom) => Promise<ImageRequest>;
}

/** The Pool's switch counts before a byte of the body is read. */
async function handleImageRequest(call: IncomingCall, { parts, read }: ImageStory): Promise<void> {
  const client = authenticatePublic(call, parts);
  const { poolId, policy, keyId } = client;
  const { clock, pools } = parts;
  if (!pools.routingOf(poolId).imageGeneration) throw new GatewayError('image_generation_disabled');
  await serveCall(call, {
    client,
    earlySeat: { lane: 'proxy_stream', model: '' },
    async read(settings, room) {
      const request = await read(settings, room);
      const servingModeOf = (model: string) => pools.servingModeOf(poolId, model);
      const host = chooseImageHost(parts.catalogOf(poolId).entries, servingModeOf);
      if (!host) throw new GatewayError('invalid_model', { param: 'model' });
      // Every image is a conversation of its own.
      const conversation = { promptCacheKey: call.requestId, instructions: '', input: [] };
      const originator = settings['gateway.originator'];
      const asked = readCodexAsk({
        body: askForImage(request, host),
        headers: ourIdentity(conversation, { keyId, originator, isLite: host.isLite }),
        upstreamPath: '/responses',
        isCompaction: false,
      });
      const { kind, wantsStream } = request;
      const rendering = renderingOf(kind, clock.now());
      const { response } = call;
      return {
        ask: { ...asked, requestedModel: request.model },
        // The key must be allowed the model that draws; the one that is made to is not the client's choice.
        refusal: refusalOfModel(policy, request.model),
        carrierOf: (exchange: Exchange) => createPublicCarrier({ response, exchange, clock, rendering, wantsStream }),
      };
    },
    parts,
  });
}

function renderingOf(kind: ImageRequest['kind'], now: Date) {
  return renderImages({
    kind,
    createdAt: Math.floor(now.getTime() / 1000),
    failureOf: (error) => providerFailure(error, null),
    isOfRequest: (error) => providerFailure(error, null).type === 'invalid_request_error',
    errorOf: (error) => (error ? new AnswerFailed({ error }) : new GatewayError('image_generation_failed')),
  });
}
