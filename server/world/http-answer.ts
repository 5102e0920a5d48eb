/** An answer of the provider made of what arrives on a connection: headers as a map, content encodings undone. */
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { networkFault } from './network-fault.ts';
import { readChunks } from './read-chunks.ts';
import type { HttpAnswer } from './world.ts';

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** @param options.signal - The caller's own: a body that breaks because of it is nobody's fault. */
export function httpAnswer(
  body: Readable,
  { status, headers, signal }: { status: number; headers: RawHeaders; signal: AbortSignal },
): HttpAnswer {
  const stream = decoded(body, headers['content-encoding']);
  // Whoever reads the body meets its error there; a body that is given up has nobody to meet it.
  for (const each of [body, stream]) each.on('error', () => undefined);
  return {
    status,
    headers: headerMap(headers),
    body: readChunks(stream, { toFault: (error) => networkFault(error, signal) }),
    cancel: () => {
      stream.destroy();
      body.destroy();
    },
  };
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

/** Names in lower case, repeated headers joined; the encoding is undone, so it is no longer named. */
export function headerMap(headers: RawHeaders): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && name !== 'content-encoding')
      map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}
