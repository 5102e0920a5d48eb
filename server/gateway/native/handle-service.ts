/** The story of one call beside inference: known, let in, read, passed on to one account, and told back as it came. */
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../contract/gateway-error.ts';
import { authenticateNative } from './authenticate-native.ts';
import { createHttpCarrier } from '../carriers/http-carrier.ts';
import { readServiceAsk } from '../dialects/codex/read-service-ask.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { headerPairs } from '../header-pairs.ts';
import { checkIsJson } from '../media-type.ts';
import { serveCall } from '../serve-call.ts';
import { applyServicePolicy } from './service-policy.ts';
import type { ServiceRoute } from './services.ts';

export interface ServiceCall extends IncomingCall<ServiceRoute> {
  /** The file of the path, where the path names one. */
  readonly fileId: string | null;
}

/** @throws as {@link serveCall} does. */
export async function handleService(call: ServiceCall, parts: GatewayParts): Promise<void> {
  const { request, response, route, fileId } = call;
  const client = authenticateNative(call, parts);
  const { policy, poolId } = client;
  if (route.model.kind === 'image' && !parts.pools.routingOf(poolId).imageGeneration)
    throw new GatewayError('image_generation_disabled');
  checkBodyKind(route, request.headers);
  const model = route.model.kind === 'fixed' ? route.model.name : '';
  await serveCall(call, {
    client,
    earlySeat: route.readsInSeat ? { lane: route.routeClass, model } : null,
    async read(settings, room) {
      const maxBytes = Math.min(settings['gateway.max_body_bytes'], route.maxBodyBytes);
      const body = await parts.readBody(request, { settings, maxBytes, room });
      const asked = readServiceAsk({ body, headers: headerPairs(request.rawHeaders), service: route, fileId });
      return {
        ...applyServicePolicy(asked, { policy, entries: parts.catalogOf(poolId).entries, service: route }),
        carrierOf: (exchange) => createHttpCarrier({ response, exchange, clock: parts.clock }),
      };
    },
    parts,
  });
}

function checkBodyKind(route: ServiceRoute, headers: IncomingHttpHeaders): void {
  const isForm = /^multipart\/form-data\b/i.test(headers['content-type'] ?? '');
  if (route.body === 'multipart') {
    if (!isForm) throw new GatewayError('invalid_request', { detail: 'Send the recording as multipart/form-data.' });
    if (!['', 'identity'].includes((headers['content-encoding'] ?? '').toLowerCase()))
      throw new GatewayError('unsupported_content_encoding');
    return;
  }
  if (isForm && route.makesFile) throw new GatewayError('unsupported_multipart_file_create');
  checkIsJson(headers);
}
