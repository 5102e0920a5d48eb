/**
 * Reads a request body, decoded and bounded: bytes on the wire, bytes after decoding, expansion, and pauses each have a
 * limit, checked while the bytes arrive (gateway spec 2.1.2). Called only after the client is known.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { GatewayError } from '../contract/gateway-error.ts';
import type { Clock } from '../world/world.ts';

export interface BodyLimits {
  readonly maxCompressedBytes: number;
  readonly maxBytes: number;
  /** Decoded bytes per wire byte, judged once the body is large enough for the ratio to mean something. */
  readonly maxRatio: number;
  /** Longest pause between two pieces. */
  readonly pauseMs: number;
}

/** Below this much output a high ratio harms nobody; small repetitive JSON compresses well (demand spec 3.2). */
const ratioFreeBytes = 2 ** 20;

const decoders: Readonly<Record<string, () => Readable & NodeJS.WritableStream>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  zstd: createZstdDecompress,
};

/**
 * @throws {GatewayError} `unsupported_content_encoding`, `compressed_request_too_large`,
 *   `decompressed_request_too_large`, `decompression_ratio_exceeded`, `request_body_timeout`, or `invalid_request` for
 *   a body that does not decode.
 */
export async function readBody(
  request: IncomingMessage,
  { limits, clock }: { limits: BodyLimits; clock: Clock },
): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const isPlain = encoding === 'identity' || encoding === '';
  const makeDecoder = decoders[encoding];
  if (!isPlain && !makeDecoder) throw new GatewayError('unsupported_content_encoding');
  const wireLimit = isPlain ? limits.maxBytes : limits.maxCompressedBytes;
  const wireCode = isPlain ? 'decompressed_request_too_large' : 'compressed_request_too_large';
  if (Number(request.headers['content-length'] ?? 0) > wireLimit)
    throw new GatewayError(wireCode, { detail: limitText(wireLimit) });

  let wireBytes = 0;
  const countWire = (piece: Buffer) => {
    wireBytes += piece.length;
    if (wireBytes > wireLimit) stop(new GatewayError(wireCode, { detail: limitText(wireLimit) }));
  };
  const decoder = makeDecoder?.();
  const source: Readable = decoder ?? request;
  const stop = (error: Error) => {
    request.unpipe();
    source.destroy(error);
  };
  const pause = clock.timer(limits.pauseMs, () => stop(new GatewayError('request_body_timeout')));
  const tick = () => pause.restart();
  request.on('data', countWire);
  request.on('data', tick);
  // A client that leaves mid-body never ends the request; what waits for the decoder must hear of it.
  request.once('close', () => {
    if (!request.complete) source.destroy(new GatewayError('client_disconnected'));
  });
  if (decoder) request.pipe(decoder);
  try {
    return await collect(source, { limits, isPlain, wireBytes: () => wireBytes });
  } catch (error) {
    throw error instanceof GatewayError
      ? error
      : new GatewayError('invalid_request', { detail: 'The body cannot be decoded.', cause: error });
  } finally {
    pause.stop();
    request.off('data', countWire);
    request.off('data', tick);
  }
}

async function collect(
  source: Readable,
  { limits, isPlain, wireBytes }: { limits: BodyLimits; isPlain: boolean; wireBytes: () => number },
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of source as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > limits.maxBytes)
      throw new GatewayError('decompressed_request_too_large', { detail: limitText(limits.maxBytes) });
    if (!isPlain && bytes > ratioFreeBytes && bytes > wireBytes() * limits.maxRatio)
      throw new GatewayError('decompression_ratio_exceeded');
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, bytes);
}

function limitText(bytes: number): string {
  return `The limit is ${bytes} bytes.`;
}
