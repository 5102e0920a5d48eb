/** The story of one request in another dialect than the provider's: read, translated, served, told back. */
import { authenticatePublic } from './authenticate-public.ts';
import { createPublicCarrier } from '../carriers/public-carrier.ts';
import { parseRequest } from '../dialects/openai/parse-request.ts';
import { publicDialects, type PublicDialect } from '../dialects/public-dialects.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { checkIsJson } from '../media-type.ts';
import { readPublicCall } from './read-public-call.ts';
import type { PublicRoute } from '../routes.ts';
import { serveCall } from '../serve-call.ts';

/** @throws as {@link serveCall} does. */
export async function handlePublicRequest(call: IncomingCall<PublicRoute>, parts: GatewayParts): Promise<void> {
  const { request, response, route } = call;
  const { clock } = parts;
  const client = authenticatePublic(call, parts);
  const dialect: PublicDialect = publicDialects[route.dialect];
  await serveCall(call, {
    client,
    earlySeat: null,
    async read(settings, room) {
      checkIsJson(request.headers);
      const body = await parts.readBody(request, { settings, maxBytes: settings[route.bodyLimit], room });
      const read = readPublicCall({ body, document: parseRequest(body) }, { client, dialect, settings, parts });
      const { ask, refusal, wantsStream, rendering } = read;
      const carrierOf = (exchange: Exchange) =>
        createPublicCarrier({ response, exchange, clock, rendering, wantsStream });
      return { ask, refusal, carrierOf };
    },
    parts,
  });
}
