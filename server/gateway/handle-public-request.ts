/** The story of one request in another dialect than the provider's: read, translated, served, told back. */
import { GatewayError } from '../contract/gateway-error.ts';
import { JsonSyntaxError, scanObject } from '../lib/json-spans.ts';
import { beginForResponse } from './begin-for-response.ts';
import { createPublicCarrier } from './carriers/public-carrier.ts';
import { chooseForPublic } from './choose-for-public.ts';
import { readCodexAsk } from './dialects/codex/read-ask.ts';
import { badValue } from './dialects/openai/bad-request.ts';
import { isRecord, type JsonRecord } from './dialects/openai/json-record.ts';
import { providerFailure } from './dialects/openai/provider-failure.ts';
import { saidOf } from './dialects/openai/render-error.ts';
import { publicDialects, type PublicDialect } from './dialects/public-dialects.ts';
import { checkMediaType, type GatewayParts, type IncomingCall } from './handle-request.ts';
import { openExchange } from './open-exchange.ts';
import { ourIdentity } from './our-identity.ts';
import type { PublicRoute } from './routes.ts';
import { refuse, serveExchange } from './serve-exchange.ts';

/** The key's Pool answers these routes: authenticated before a byte of the body is read. */
export type PublicCall = Omit<IncomingCall, 'route'> & { readonly route: PublicRoute };

/**
 * @throws {GatewayError}, `RefusedByProvider` or `FailedAtStart` while nothing has been sent; afterwards the client is
 *   told in its stream.
 */
export async function handlePublicRequest(call: PublicCall, parts: GatewayParts): Promise<void> {
  const client = authenticatePublic(call, parts);
  const run = beginForResponse(call.response, parts.running);
  try {
    const settings = parts.settings();
    checkMediaType(call.request.headers['content-type']);
    const body = await parts.readBody(call.request, settings);
    const dialect: PublicDialect = publicDialects[call.route.dialect];
    const { request, render } = dialect.read(body, parseRequest(body));
    const { policy, poolId, keyId } = client;
    const { choices, refusal } = chooseForPublic(request, {
      policy,
      entries: parts.catalogOf(poolId).entries,
      servingModeOf: (model) => parts.pools.servingModeOf(poolId, model),
      effortField: dialect.effortField,
    });
    const asked = readCodexAsk({
      body: dialect.bodyOf(request, choices),
      headers: ourIdentity(request, { keyId, originator: settings['gateway.originator'], isLite: choices.isLite }),
      upstreamPath: dialect.upstreamPath,
      isCompaction: dialect.isCompaction,
    });
    const ask = { ...asked, requestedModel: request.model, outputCap: request.outputCap, mustOwnFiles: true };
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    if (refusal) throw refuse(exchange, { parts, refusal });
    const { clock, random } = parts;
    const nowSeconds = () => Math.floor(clock.now().getTime() / 1000);
    const rendering = render({
      frame: { model: choices.model, createdAt: nowSeconds(), echo: request.echo },
      showsEncrypted: request.showsEncrypted,
      makeId: (prefix) => `${prefix}_${random.id().replaceAll('-', '')}`,
      nowSeconds,
      failureOf: (error) => providerFailure(error, null),
    });
    const carrier = createPublicCarrier({
      response: call.response,
      exchange,
      clock,
      rendering,
      wantsStream: request.wantsStream,
      saidOf: (error) => saidOf(error, clock.now()),
    });
    try {
      await serveExchange(exchange, { carrier, parts });
    } catch (error) {
      if (!(await carrier.fail(error))) throw error;
      await carrier.end();
    }
  } finally {
    run.done();
  }
}

/**
 * The client of a `/v1` request. `x-api-key` counts where there is no `authorization` (v1 spec D4).
 *
 * @throws {GatewayError} what the key book throws, and `v1_compatibility_disabled`.
 */
export function authenticatePublic(
  { request, clientAddress }: Pick<IncomingCall, 'request' | 'clientAddress'>,
  { keys, pools }: Pick<GatewayParts, 'keys' | 'pools'>,
) {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  const shown = authorization ?? (typeof apiKey === 'string' ? `Bearer ${apiKey}` : undefined);
  const client = keys.authenticate({ authorization: shown, address: clientAddress });
  if (!pools.routingOf(client.poolId).v1Compatibility) throw new GatewayError('v1_compatibility_disabled');
  return client;
}

/** Deeper nesting is nobody's request (v1 spec 1.3). */
const maxDepth = 128;

/** @throws {GatewayError} for what is no JSON object, or nests too deep. */
export function parseRequest(body: Buffer): JsonRecord {
  try {
    scanObject(body);
    const request: unknown = JSON.parse(body.toString('utf8'));
    if (!isRecord(request)) throw new SyntaxError();
    if (isDeeper(request, maxDepth)) throw badValue('body', `must not nest deeper than ${maxDepth} levels`);
    return request;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const at = error instanceof JsonSyntaxError ? ` (byte ${error.offset})` : '';
    throw new GatewayError('invalid_request', { detail: `The body is not a JSON object${at}.`, cause: error });
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
