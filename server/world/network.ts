/** Calls to the provider. The only importer of undici: connection pools, time limits and decoding live here. */
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Agent, errors, request } from 'undici';
import { readChunks } from './read-chunks.ts';
import {
  NetworkFault,
  type CallPurpose,
  type HttpAnswer,
  type HttpCall,
  type Network,
  type NetworkFaultKind,
} from './world.ts';

/** Peers give a TCP and TLS handshake 8–15 s (wire spec B16). */
const connectMs = 10_000;

/**
 * Connections per purpose and origin. Inference is bounded by admission, so its pool is only a ceiling against runaway;
 * the others are rare calls.
 */
const connections: Record<CallPurpose, number> = { inference: 4096, account: 16, auth: 8 };

/** The real network. `stop()` ends every connection that is left. */
export function createNetwork(): Network & { stop(): Promise<void> } {
  const agents = new Map<CallPurpose, Agent>();
  /** Agents that take no more calls; each is forgotten when its last call has ended. */
  const retired = new Set<Agent>();
  openAgents();

  function openAgents(): void {
    for (const purpose of Object.keys(connections) as CallPurpose[]) agents.set(purpose, createAgent(purpose));
  }

  function dropIdle(): void {
    const old = [...agents.values()];
    openAgents();
    for (const agent of old) {
      retired.add(agent);
      // Idle connections end at once, the others with their call. A stop may destroy it first.
      void agent
        .close()
        .catch(() => undefined)
        .then(() => retired.delete(agent));
    }
  }

  async function call(
    purpose: CallPurpose,
    { method, url, headers, body, signal, headersMs }: HttpCall,
  ): Promise<HttpAnswer> {
    const dispatcher = agents.get(purpose);
    if (!dispatcher) throw new TypeError(`no connections for ${purpose}`);
    try {
      const answer = await request(url, {
        dispatcher,
        method,
        headers: headers.flat(),
        body: body ?? null,
        signal,
        headersTimeout: headersMs,
      });
      const stream = decoded(answer.body, answer.headers['content-encoding']);
      // Whoever reads the body meets its error there; a body that is given up has nobody to meet it.
      for (const each of [answer.body, stream]) each.on('error', () => undefined);
      return {
        status: answer.statusCode,
        headers: headerMap(answer.headers),
        body: readChunks(stream, { toFault: (error) => networkFault(error, signal) }),
        cancel: () => {
          stream.destroy();
          answer.body.destroy();
        },
      };
    } catch (error) {
      throw networkFault(error, signal);
    }
  }

  const stop = async () => void (await Promise.all([...agents.values(), ...retired].map((agent) => agent.destroy())));
  return { call, dropIdle, stop };
}

function createAgent(purpose: CallPurpose): Agent {
  return new Agent({
    connections: connections[purpose],
    connect: { timeout: connectMs },
    // Idle limits of a stream belong to the gateway, which can tell silence from a slow answer.
    bodyTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 30_000,
  });
}

/** We never ask for an encoding, but an edge may apply one all the same (wire spec D2, F10). */
function decoded(body: Readable, encoding: string | string[] | undefined): Readable {
  switch (encoding?.toString().trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return joined(body, createGunzip());
    case 'deflate':
      return joined(body, createInflate());
    case 'br':
      return joined(body, createBrotliDecompress());
    case 'zstd':
      return joined(body, createZstdDecompress());
    default:
      return body;
  }
}

function joined(body: Readable, decoder: Readable & NodeJS.WritableStream): Readable {
  body.once('error', (error) => decoder.destroy(error));
  decoder.once('close', () => body.destroy());
  body.pipe(decoder);
  return decoder;
}

function headerMap(headers: Record<string, string | string[] | undefined>): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && name !== 'content-encoding')
      map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}

const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

function networkFault(error: unknown, signal: AbortSignal): NetworkFault {
  if (error instanceof NetworkFault) return error;
  const systemCode = codeOf(error);
  return new NetworkFault(signal.aborted ? 'aborted' : kindOf(error, systemCode), { systemCode, cause: error });
}

function kindOf(error: unknown, systemCode: string): NetworkFaultKind {
  if (error instanceof errors.ConnectTimeoutError || connectCodes.has(systemCode) || isTlsCode(systemCode))
    return 'connect';
  if (timeoutCodes.has(systemCode)) return 'timeout';
  return 'reset';
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_TLS') || code.startsWith('CERT_') || code.includes('CERTIFICATE') || code.includes('SIGNATURE')
  );
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'unknown';
}
