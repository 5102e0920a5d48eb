/** The story of one inference request, from the key to the last byte. */
import { applyKeyPolicy } from './apply-key-policy.ts';
import { authenticateNative } from './native/authenticate-native.ts';
import { createHttpCarrier } from './carriers/http-carrier.ts';
import { readCodexAsk } from './dialects/codex/read-ask.ts';
import type { GatewayParts, IncomingCall } from './gateway-parts.ts';
import { headerPairs } from './header-pairs.ts';
import { checkIsJson } from './media-type.ts';
import type { GatewayRoute } from './routes.ts';
import { serveCall } from './serve-call.ts';

/** @throws as {@link serveCall} does. */
export async function handleRequest(call: IncomingCall<GatewayRoute>, parts: GatewayParts): Promise<void> {
  const { request, response, route } = call;
  const client = authenticateNative(call, parts);
  await serveCall(call, {
    client,
    earlySeat: null,
    async read(settings, room) {
      checkIsJson(request.headers);
      const { upstreamPath, isCompaction, bodyLimit } = route;
      const body = await parts.readBody(request, { settings, maxBytes: settings[bodyLimit], room });
      const asked = readCodexAsk({ body, headers: headerPairs(request.rawHeaders), upstreamPath, isCompaction });
      const { policy, poolId } = client;
      return {
        ...applyKeyPolicy(asked, { policy, entries: parts.catalogOf(poolId).entries }),
        carrierOf: (exchange) => createHttpCarrier({ response, exchange, clock: parts.clock }),
      };
    },
    parts,
  });
}
