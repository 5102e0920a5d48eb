/** The story of one `/v1` request for an image: read, asked of a model that can draw, and told as an image. */
import { mayUseModel } from '../api-keys/key-policy.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { KeyPolicy } from '../contract/key-policy.ts';
import type { Settings } from '../contract/settings.ts';
import { beginForResponse } from './begin-for-response.ts';
import { createPublicCarrier, FailedAtStart } from './carriers/public-carrier.ts';
import { chooseImageHost } from './choose-image-host.ts';
import { readCodexAsk } from './dialects/codex/read-ask.ts';
import { askForImage } from './dialects/openai-images/ask-for-image.ts';
import { editForm, readEdit, readGeneration, type ImageRequest } from './dialects/openai-images/read-image-request.ts';
import { renderImages } from './dialects/openai-images/render-images.ts';
import { providerFailure } from './dialects/openai/provider-failure.ts';
import { saidOf } from './dialects/openai/render-error.ts';
import { authenticatePublic, parseRequest } from './handle-public-request.ts';
import { checkMediaType, type GatewayParts } from './handle-request.ts';
import type { MediaCall } from './media-routes.ts';
import { openExchange } from './open-exchange.ts';
import { ourIdentity } from './our-identity.ts';
import { takeSeatEarly, type EarlySeat } from './seat-before-body.ts';
import { refuse, serveExchange } from './serve-exchange.ts';

/** `/v1/images/generations` @throws as {@link handleImageRequest} does */
export function handleGeneration(call: MediaCall, parts: GatewayParts): Promise<void> {
  return handleImageRequest(call, {
    parts,
    async read(settings) {
      checkMediaType(call.request.headers['content-type']);
      return readGeneration(parseRequest(await parts.readBody(call.request, settings)));
    },
  });
}

/** `/v1/images/edits` @throws as {@link handleImageRequest} does */
export function handleEdit(call: MediaCall, parts: GatewayParts): Promise<void> {
  return handleImageRequest(call, {
    parts,
    read: async () => readEdit(await parts.readForm(call.request, editForm)),
  });
}

interface ImageStory {
  readonly parts: GatewayParts;
  readonly read: (settings: Settings) => Promise<ImageRequest>;
}

/**
 * The Pool's switch counts before a byte of the body is read.
 *
 * @throws {GatewayError}, `RefusedByProvider` or `FailedAtStart` while nothing has been sent; afterwards the client is
 *   told in its stream.
 */
async function handleImageRequest(call: MediaCall, { parts, read }: ImageStory): Promise<void> {
  const client = authenticatePublic(call, parts);
  const { poolId, policy } = client;
  if (!parts.pools.routingOf(poolId).imageGeneration) throw new GatewayError('image_generation_disabled');
  const run = beginForResponse(call.response, parts.running);
  let seat: EarlySeat | null = null;
  try {
    const settings = parts.settings();
    seat = await takeSeatEarly({ client, lane: 'proxy_stream', model: '', signal: run.signal }, parts);
    const request = await read(settings);
    const servingModeOf = (model: string) => parts.pools.servingModeOf(poolId, model);
    const host = chooseImageHost(parts.catalogOf(poolId).entries, servingModeOf);
    if (!host) throw new GatewayError('invalid_model', { param: 'model' });
    // Every image is a conversation of its own.
    const conversation = { promptCacheKey: call.requestId, instructions: '', input: [] };
    const originator = settings['gateway.originator'];
    const asked = readCodexAsk({
      body: askForImage(request, host),
      headers: ourIdentity(conversation, { keyId: client.keyId, originator, isLite: host.isLite }),
      upstreamPath: '/responses',
      isCompaction: false,
    });
    const ask = { ...asked, requestedModel: request.model };
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    const refusal = refusalOf(policy, request.model);
    if (refusal) throw refuse(exchange, { parts, refusal });
    const { clock } = parts;
    const carrier = createPublicCarrier({
      response: call.response,
      exchange,
      clock,
      rendering: renderImages({
        kind: request.kind,
        createdAt: Math.floor(clock.now().getTime() / 1000),
        failureOf: (error) => providerFailure(error, null),
        isOfRequest: (error) => providerFailure(error, null).type === 'invalid_request_error',
        errorOf: (error) => (error ? new FailedAtStart({ error }) : new GatewayError('image_generation_failed')),
      }),
      wantsStream: request.wantsStream,
      saidOf: (error) => saidOf(error, clock.now()),
    });
    try {
      await serveExchange(exchange, { carrier, parts: seat.parts });
    } catch (error) {
      if (!(await carrier.fail(error))) throw error;
      await carrier.end();
    }
  } finally {
    seat?.leave();
    run.done();
  }
}

/** The key must be allowed the model that draws; the one that is made to is not the client's choice. */
function refusalOf(policy: KeyPolicy | null, model: string): GatewayError | null {
  if (!policy) return new GatewayError('api_key_policy_malformed');
  return mayUseModel(policy, model) ? null : new GatewayError('model_not_allowed', { param: 'model' });
}
