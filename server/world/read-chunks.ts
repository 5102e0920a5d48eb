/**
 * Reads a stream as it arrives: everything that came since the last look is one chunk. Under load this joins many small
 * pieces, and it costs one promise per look instead of several per piece, which is most of what a relay costs.
 */
import type { Readable } from 'node:stream';

/** Read ahead of a slow reader up to this much; then the provider has to wait. */
export const readAheadBytes = 64 * 1024;

/** A stream that closed before its end without saying why. */
class ClosedEarly extends Error {
  readonly code = 'ERR_STREAM_PREMATURE_CLOSE';
}

/**
 * @param options.toFault - What a reader meets when the stream breaks.
 * @example for await (const chunk of readChunks(body, { toFault })) …
 */
export function readChunks(
  stream: Readable,
  { toFault }: { toFault: (error: unknown) => Error },
): AsyncIterableIterator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let end: { readonly error: unknown } | 'ended' | 'closed' | null = null;
  let wake: (() => void) | null = null;

  const notify = () => {
    wake?.();
    wake = null;
  };
  const finish = (how: { readonly error: unknown } | 'ended' | 'closed') => {
    end ??= how;
    notify();
  };
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= readAheadBytes) stream.pause();
    notify();
  });
  stream.once('end', () => finish('ended'));
  stream.once('error', (error) => finish({ error }));
  stream.once('close', () => finish('closed'));

  function take(): Buffer {
    const chunk = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, bytes);
    pieces = [];
    bytes = 0;
    if (stream.isPaused()) stream.resume();
    return chunk;
  }

  async function next(): Promise<IteratorResult<Buffer>> {
    for (;;) {
      if (bytes > 0) return { done: false, value: take() };
      if (end === 'ended') return { done: true, value: undefined };
      if (end) throw toFault(end === 'closed' ? new ClosedEarly() : end.error);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    next,
    return() {
      stream.destroy();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
