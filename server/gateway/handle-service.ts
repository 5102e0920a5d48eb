/** The story of one call beside inference: known, let in, read, passed on to one account, and told back as it came. */
import { GatewayError } from '../contract/gateway-error.ts';
import type { Settings } from '../contract/settings.ts';
import { beginForResponse } from './begin-for-response.ts';
import { createHttpCarrier } from './carriers/http-carrier.ts';
import { readServiceAsk } from './dialects/codex/read-service-ask.ts';
import { checkMediaType, headerPairs, type GatewayParts, type IncomingCall } from './handle-request.ts';
import { openExchange } from './open-exchange.ts';
import { takeSeatEarly, type EarlySeat } from './seat-before-body.ts';
import { refuse, serveExchange } from './serve-exchange.ts';
import { applyServicePolicy } from './service-policy.ts';
import type { ServiceRoute } from './services.ts';

export type ServiceCall = Omit<IncomingCall, 'route'> & {
  readonly route: ServiceRoute;
  /** The file of the path, where the path names one. */
  readonly fileId: string | null;
};

/** @throws {GatewayError} or `RefusedByProvider` while nothing has been sent; afterwards it only ends the response. */
export async function handleService(call: ServiceCall, parts: GatewayParts): Promise<void> {
  const { request, response, route } = call;
  const client = parts.keys.authenticate({
    authorization: request.headers.authorization,
    address: call.clientAddress,
  });
  if (route.model.kind === 'image' && !parts.pools.routingOf(client.poolId).imageGeneration)
    throw new GatewayError('image_generation_disabled');
  checkBodyKind(route, request.headers);
  const run = beginForResponse(response, parts.running);
  let seat: EarlySeat | null = null;
  try {
    const settings = parts.settings();
    if (route.readsInSeat) {
      const model = route.model.kind === 'fixed' ? route.model.name : '';
      seat = await takeSeatEarly({ client, lane: route.routeClass, model, signal: run.signal }, parts);
    }
    const body = await parts.readBody(request, withLimit(settings, route.maxBodyBytes));
    const asked = readServiceAsk({
      body,
      headers: headerPairs(request.rawHeaders),
      service: route,
      fileId: call.fileId,
    });
    const { policy, poolId } = client;
    const { entries } = parts.catalogOf(poolId);
    const { ask, refusal } = applyServicePolicy(asked, { policy, entries, service: route });
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    if (refusal) throw refuse(exchange, { parts, refusal });
    const carrier = createHttpCarrier({ response, exchange, clock: parts.clock });
    await serveExchange(exchange, { carrier, parts: seat?.parts ?? parts });
  } finally {
    seat?.leave();
    run.done();
  }
}

/** Bodies of one kind of call are bounded closer than others. */
function withLimit(settings: Settings, maxBytes: number): Settings {
  return { ...settings, 'gateway.max_body_bytes': Math.min(settings['gateway.max_body_bytes'], maxBytes) };
}

function checkBodyKind(route: ServiceRoute, headers: Readonly<Record<string, string | string[] | undefined>>): void {
  const contentType = String(headers['content-type'] ?? '');
  const isForm = /^multipart\/form-data\b/i.test(contentType);
  if (route.body === 'multipart') {
    if (!isForm) throw new GatewayError('invalid_request', { detail: 'Send the recording as multipart/form-data.' });
    if (!['', 'identity'].includes(String(headers['content-encoding'] ?? '').toLowerCase()))
      throw new GatewayError('unsupported_content_encoding');
    return;
  }
  if (isForm && route.makesFile) throw new GatewayError('unsupported_multipart_file_create');
  checkMediaType(contentType || undefined);
}
