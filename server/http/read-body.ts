/**
 * Reads a request body, decoded and bounded: bytes on the wire, bytes after decoding, expansion, and pauses each have a
 * limit, checked while the bytes arrive (gateway spec 2.1.2). Called only after the client is known.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { GatewayError } from '../contract/gateway-error.ts';
import { noRoom, type BodyRoom } from '../gateway/admission/body-room.ts';
import { createByteGathering } from '../lib/gather-bytes.ts';
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

/** What looks further back than 8 MiB is no content coding (RFC 9659), and its decoder would take memory for that. */
const zstdWindowLog = 23;

type Decoder = Readable & NodeJS.WritableStream;

const decoders: ReadonlyMap<string, () => Decoder> = new Map<string, () => Decoder>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['zstd', () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })],
]);

/**
 * The request itself is never destroyed: that would end the connection before the client could read why. What is left
 * of a refused body is read and thrown away. What is kept counts in `room`, whatever comes of it.
 *
 * @throws {GatewayError} `server_is_overloaded`, `unsupported_content_encoding`, `compressed_request_too_large`,
 *   `decompressed_request_too_large`, `payload_too_large`, `decompression_ratio_exceeded`, `request_body_timeout`, `client_disconnected`, or
 *   `invalid_request` for a body that does not decode.
 */
export async function readBody(
  request: IncomingMessage,
  { limits, clock, room }: { limits: BodyLimits; clock: Clock; room: BodyRoom },
): Promise<Buffer> {
  const layers = decodersFor(request);
  const decoder = layers.at(-1) ?? null;
  const maxBytes = Math.min(limits.maxBytes, room.largestBytes);
  const wire = decoder
    ? { limit: limits.maxCompressedBytes, code: 'compressed_request_too_large' as const }
    : { limit: maxBytes, code: 'payload_too_large' as const };
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > wire.limit) throw tooLarge(wire.code, wire.limit);
  if (!room.mayHold(announced)) throw noRoom();

  const read = Promise.withResolvers<Buffer>();
  const source: Readable = decoder ?? request;
  const gathering = createByteGathering();
  let wireBytes = 0;
  const pause = clock.timer(limits.pauseMs, () => read.reject(new GatewayError('request_body_timeout')));
  const countWire = (piece: Buffer) => {
    wireBytes += piece.length;
    if (wireBytes > wire.limit) read.reject(tooLarge(wire.code, wire.limit));
    pause.restart();
  };
  const keep = (piece: Buffer) => {
    const bytes = gathering.bytes + piece.length;
    if (decoder && bytes > maxBytes) read.reject(tooLarge('decompressed_request_too_large', maxBytes));
    else if (decoder && bytes > ratioFreeBytes && bytes > wireBytes * limits.maxRatio)
      read.reject(new GatewayError('decompression_ratio_exceeded'));
    else if (room.hold(room.bytes + piece.length)) gathering.add(piece);
    else read.reject(noRoom());
  };
  const leave = () => {
    if (!request.complete) read.reject(new GatewayError('client_disconnected'));
  };
  const end = () => read.resolve(gathering.whole());

  if (request.destroyed) leave();
  request.on('data', countWire).on('close', leave);
  source.on('data', keep).on('end', end);
  for (const layer of layers)
    layer.on('error', (error) =>
      read.reject(new GatewayError('invalid_request', { detail: 'The body cannot be decoded.', cause: error })),
    );
  for (const [index, layer] of layers.entries()) (layers[index - 1] ?? request).pipe(layer);
  try {
    return await read.promise;
  } finally {
    pause.stop();
    request.off('data', countWire).off('close', leave);
    source.off('data', keep).off('end', end);
    if (layers[0]) request.unpipe(layers[0]);
    for (const layer of layers) layer.destroy();
    request.resume();
  }
}

/** More layers than this are no client's; each costs memory of its own. */
const maxLayers = 3;

/** One decoder per encoding, the last applied first. */
function decodersFor(request: IncomingMessage): Decoder[] {
  const encodings = (request.headers['content-encoding'] ?? '')
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== '' && each !== 'identity');
  const makers = encodings.toReversed().map((each) => decoders.get(each));
  if (makers.length > maxLayers || makers.includes(undefined)) throw new GatewayError('unsupported_content_encoding');
  return makers.flatMap((make) => make?.() ?? []);
}

function tooLarge(
  code: 'payload_too_large' | 'compressed_request_too_large' | 'decompressed_request_too_large',
  limit: number,
): GatewayError {
  return new GatewayError(code, { detail: `The limit is ${limit} bytes.` });
}
