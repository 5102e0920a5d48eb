/** Reads one HTTP request to its end, undoes its content encoding and writes it down. */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { Provider } from './provider.ts';
import type { Arrival, RecordedRequest } from './recorder.ts';
import { refuse, type RefuseStep } from './steps.ts';

const decompress = promisify(zstdDecompress);

/** The largest body the backend takes, after decoding (wire spec A4.3). */
const maxBodyBytes = 128 * 1024 * 1024;

export interface ReadRequest {
  readonly request: RecordedRequest;
  /** Why the body is no good; the request is recorded all the same. */
  readonly fault: RefuseStep | undefined;
}

/** Rejects when the caller went away before the end of its body. */
export async function readRequest(provider: Provider, message: IncomingMessage): Promise<ReadRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const sent = Buffer.concat(chunks);
  const decoded = await decode(sent, message.headers['content-encoding']);
  const request = provider.recorder.record({
    ...describeMessage(provider, message),
    kind: 'http',
    body: decoded ?? sent,
    wireBytes: sent.length,
  });
  provider.inspect(request);
  return { request, fault: decoded ? undefined : refuse(400, { detail: 'Could not decode the request body' }) };
}

/** Everything about a message but its body. */
export function describeMessage(
  provider: Provider,
  message: IncomingMessage,
): Omit<Arrival, 'kind' | 'body' | 'wireBytes'> {
  const [path, query] = (message.url ?? '/').split('?');
  return {
    method: message.method ?? 'GET',
    path: path ?? '/',
    query: query ?? '',
    headers: headerPairs(message.rawHeaders),
    encoding: message.headers['content-encoding'],
    account: provider.ownerOf(message.headers.authorization),
    socket: provider.socketNumber(message.socket),
    at: provider.parts.clock.now(),
  };
}

function headerPairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    pairs.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  }
  return pairs;
}

/** The plain bytes; undefined when they cannot be had. */
async function decode(sent: Buffer, encoding: string | undefined): Promise<Buffer | undefined> {
  if (encoding === undefined || encoding === 'identity') return sent;
  if (encoding !== 'zstd') return undefined;
  return decompress(sent, { maxOutputLength: maxBodyBytes }).catch(() => undefined);
}
