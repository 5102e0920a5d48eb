/**
 * Reads a form with files. Nothing touches the disk: what arrives is held in memory within the limits, and whatever ends
 * the reading early lets go of it at once. Called only after the client is known.
 */
import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyFileStream } from '@fastify/busboy';
import { GatewayError } from '../contract/gateway-error.ts';
import { noRoom, type BodyRoom } from '../gateway/admission/body-room.ts';
import type { Form, FormFile, FormLimits } from '../gateway/media/form.ts';
import { createByteGathering } from '../lib/gather-bytes.ts';
import type { Clock } from '../world/world.ts';

/** Longer names of fields and files are cut by the parser, and then known to nobody. */
const maxNameBytes = 200;

export interface FormReading {
  readonly limits: FormLimits;
  /** Longest pause between two pieces. */
  readonly pauseMs: number;
  readonly clock: Clock;
  /** What is kept counts here, whatever comes of it. */
  readonly room: BodyRoom;
}

/**
 * The request itself is never destroyed, so that its client can read why it was refused; the rest of a refused body is
 * read and thrown away.
 *
 * @throws {GatewayError} `server_is_overloaded`, `payload_too_large`, `request_body_timeout`, `client_disconnected`, or
 *   `invalid_request` for what is no form.
 */
export async function readForm(request: IncomingMessage, { limits, pauseMs, clock, room }: FormReading): Promise<Form> {
  const parser = createParser(request, limits);
  const maxBytes = Math.min(limits.maxBytes, room.largestBytes);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(null, maxBytes);
  if (!room.mayHold(announced)) throw noRoom();
  const read = Promise.withResolvers<Form>();
  const fields: [string, string][] = [];
  const files: FormFile[] = [];
  let isOver = false;
  let wireBytes = 0;
  const refuse = (error: GatewayError) => {
    isOver = true;
    read.reject(error);
  };
  const pause = clock.timer(pauseMs, () => refuse(new GatewayError('request_body_timeout')));
  const countWire = (piece: Buffer) => {
    wireBytes += piece.length;
    if (wireBytes > maxBytes) refuse(tooLarge(null, maxBytes));
    else if (!room.hold(room.bytes + piece.length)) refuse(noRoom());
    pause.restart();
  };
  const leave = () => {
    if (!request.complete) refuse(new GatewayError('client_disconnected'));
  };
  const keepFile = createFileKeeper({ limits, files, refuse, isOver: () => isOver });

  parser.on('file', keepFile);
  parser.on('field', (name, value, nameIsCut, valueIsCut) => {
    if (valueIsCut) refuse(tooLarge(null, limits.maxFieldBytes));
    else if (!nameIsCut && !isOver) fields.push([name, value]);
  });
  parser.on('fieldsLimit', () =>
    refuse(new GatewayError('invalid_request', { detail: 'The form has too many fields.' })),
  );
  parser.on('filesLimit', () =>
    refuse(new GatewayError('invalid_request', { detail: 'The form has too many files.' })),
  );
  parser.on('finish', () => read.resolve({ fields, files }));
  // Also what it says of being destroyed, when nobody listens any more.
  parser.on('error', (error) =>
    refuse(new GatewayError('invalid_request', { detail: 'The form cannot be read.', cause: error })),
  );
  if (request.destroyed) leave();
  request.on('data', countWire).on('close', leave);
  request.pipe(parser);
  try {
    return await read.promise;
  } finally {
    isOver = true;
    pause.stop();
    request.off('data', countWire).off('close', leave);
    request.unpipe(parser);
    parser.destroy();
    request.resume();
  }
}

function createParser(request: IncomingMessage, limits: FormLimits): Busboy {
  const contentType = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\b/i.test(contentType))
    throw new GatewayError('invalid_request', { detail: 'Send the request as multipart/form-data.' });
  if (!['', 'identity'].includes((request.headers['content-encoding'] ?? '').trim().toLowerCase()))
    throw new GatewayError('invalid_request', { detail: 'A form must not be compressed.' });
  const fileCount = Object.values(limits.files).reduce((sum, { count }) => sum + count, 0);
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': contentType },
      limits: {
        fieldNameSize: maxNameBytes,
        fieldSize: limits.maxFieldBytes,
        fields: limits.maxFields,
        // One more, so that the count of a field is judged by name first.
        files: fileCount + 1,
        headerPairs: 32,
      },
    });
  } catch (error) {
    throw new GatewayError('invalid_request', { detail: 'The form names no boundary.', cause: error });
  }
}

interface FileKeeping {
  readonly limits: FormLimits;
  readonly files: FormFile[];
  readonly refuse: (error: GatewayError) => void;
  readonly isOver: () => boolean;
}

function createFileKeeper({ limits, files, refuse, isOver }: FileKeeping) {
  const counts = new Map<string, number>();
  let allBytes = 0;
  return (field: string, stream: BusboyFileStream, name: string | undefined) => {
    // What is not kept must flow all the same: the parser waits for it.
    stream.on('error', () => undefined).resume();
    const known = Object.hasOwn(limits.files, field) ? limits.files[field] : undefined;
    if (!known)
      return refuse(new GatewayError('invalid_request', { detail: 'The form has a file where none is expected.' }));
    const { param, count } = known;
    counts.set(param, (counts.get(param) ?? 0) + 1);
    if ((counts.get(param) ?? 0) > count)
      return refuse(new GatewayError('invalid_request', { param, detail: `At most ${count} can be sent.` }));
    let gathering = createByteGathering();
    stream.on('data', (piece: Buffer) => {
      gathering.add(piece);
      allBytes += piece.length;
      if (gathering.bytes > limits.maxFileBytes) refuse(tooLarge(param, limits.maxFileBytes));
      else if (allBytes > limits.maxFilesBytes) refuse(tooLarge(param, limits.maxFilesBytes));
      if (isOver()) gathering = createByteGathering();
    });
    stream.on('end', () => {
      if (!isOver()) files.push({ param, name: name ?? '', bytes: gathering.whole() });
      gathering = createByteGathering();
    });
  };
}

function tooLarge(param: string | null, limit: number): GatewayError {
  return new GatewayError('payload_too_large', { param: param ?? undefined, detail: `The limit is ${limit} bytes.` });
}
