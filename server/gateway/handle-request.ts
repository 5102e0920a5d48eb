/** The story of one inference request, from the key to the last byte. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ResetBank } from '../accounts/resets/reset-bank.ts';
import type { KeyBook } from '../api-keys/key-book.ts';
import type { LimitBook } from '../api-keys/limit-book.ts';
import type { UnionCatalog } from '../catalog/union-catalog.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { Settings } from '../contract/settings.ts';
import { beginForResponse } from './begin-for-response.ts';
import type { Admission } from './admission.ts';
import { applyKeyPolicy } from './apply-key-policy.ts';
import type { CodexSockets } from '../upstream/codex-sockets.ts';
import { createHttpCarrier } from './carriers/http-carrier.ts';
import { readCodexAsk } from './dialects/codex/read-ask.ts';
import type { FileStore } from './files/file-store.ts';
import type { UploadParts } from './files/upload-bytes.ts';
import type { ReadForm } from './form.ts';
import { openExchange } from './open-exchange.ts';
import type { KeyUse } from './public-usage.ts';
import type { GatewayRoute } from './routes.ts';
import type { RunningExchanges } from './running-exchanges.ts';
import { refuse, serveExchange, type ServingParts } from './serve-exchange.ts';

export interface GatewayParts extends ServingParts {
  /** Which answers can be gone on from. */
  readonly sockets: Pick<CodexSockets, 'holds'>;
  readonly admission: Admission;
  readonly keys: KeyBook;
  /** The model list of a Pool. */
  readonly catalogOf: (poolId: string) => UnionCatalog;
  readonly limits: LimitBook;
  /** What a key used so far, for its client. */
  readonly useOfKey: (keyId: string) => Promise<KeyUse>;
  readonly running: RunningExchanges;
  /** What is kept of an account's saved resets. */
  readonly savedResets: ResetBank['credits'];
  readonly settings: () => Settings;
  readonly files: FileStore;
  readonly uploads: UploadParts;
  readonly readForm: ReadForm;
  readonly readBody: (request: IncomingMessage, settings: Settings) => Promise<Buffer>;
}

export interface IncomingCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly clientAddress: string | null;
  readonly route: GatewayRoute;
}

/** @throws {GatewayError} or `RefusedByProvider` while nothing has been sent; afterwards it only ends the response. */
export async function handleRequest(call: IncomingCall, parts: GatewayParts): Promise<void> {
  const client = parts.keys.authenticate({
    authorization: call.request.headers.authorization,
    address: call.clientAddress,
  });
  const run = beginForResponse(call.response, parts.running);
  try {
    const settings = parts.settings();
    checkMediaType(call.request.headers['content-type']);
    const body = await parts.readBody(call.request, settings);
    const asked = readCodexAsk({
      body,
      headers: headerPairs(call.request.rawHeaders),
      upstreamPath: call.route.upstreamPath,
      isCompaction: call.route.isCompaction,
    });
    const { policy, poolId } = client;
    const { ask, refusal } = applyKeyPolicy(asked, { policy, entries: parts.catalogOf(poolId).entries });
    const exchange = openExchange({ ...call, client, ask, settings, signal: run.signal }, parts);
    if (refusal) throw refuse(exchange, { parts, refusal });
    const carrier = createHttpCarrier({ response: call.response, exchange, clock: parts.clock });
    await serveExchange(exchange, { carrier, parts });
  } finally {
    run.done();
  }
}

/** A body that says it is something else would only be refused later, in words about JSON. */
export function checkMediaType(contentType: string | undefined): void {
  const isJson = contentType === undefined || /^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType);
  if (!isJson) throw new GatewayError('unsupported_media_type');
}

/** Header pairs as they came. */
export function headerPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}
