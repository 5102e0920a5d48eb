/**
 * Cuts a byte stream into SSE blocks without changing a byte: the blocks joined are the stream. Lines may end in LF,
 * CRLF or a lone CR, also split over chunks (wire spec C1; HTML standard, "Server-sent events").
 */

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** One block may hold an item of many megabytes, never more than this (wire spec C1). */
export const maxBlockBytes = 16 * 2 ** 20;
/** But what ends an answer holds all its items, and an image is one: as much as a whole answer may have. */
const maxLargeBlockBytes = 64 * 2 ** 20;

/** Says what a block is, by its event line or by the type that its data begins with. */
const largeTypes =
  /response\.(?:completed|done|incomplete|failed|output_item\.done|image_generation_call\.partial_image)["\r\n]/;
const lookBytes = 256;

export class SseBlockTooLarge extends Error {
  constructor() {
    super('an SSE block exceeds its limit');
    this.name = 'SseBlockTooLarge';
  }
}

export interface SseBlocks {
  /**
   * Takes the next chunk and gives the blocks it completes, each with its blank line.
   *
   * @throws {SseBlockTooLarge} when an unfinished block outgrows the limit.
   */
  push(chunk: Buffer): Buffer[];
  /** What is left when the stream ends: a block that its blank line never followed, or nothing. */
  rest(): Buffer;
}

/** @param largeLimit - Of the few types that may be larger than the others. */
export function createSseBlocks(limit = maxBlockBytes, largeLimit = maxLargeBlockBytes): SseBlocks {
  let parts: Buffer[] = [];
  let partBytes = 0;
  let lineIsEmpty = true;
  let endedInCarriageReturn = false;

  function push(chunk: Buffer): Buffer[] {
    const blocks: Buffer[] = [];
    let blockStart = 0;
    for (const end of blockEnds(chunk)) {
      blocks.push(take(chunk.subarray(blockStart, end)));
      blockStart = end;
    }
    if (blockStart < chunk.length) keep(blockStart === 0 ? chunk : chunk.subarray(blockStart));
    return blocks;
  }

  /** Ends of blocks in this chunk. A blank line is a line end that follows a line end. */
  function blockEnds(chunk: Buffer): number[] {
    const ends: number[] = [];
    let position = endedInCarriageReturn && chunk[0] === lineFeed ? 1 : 0;
    endedInCarriageReturn = false;
    let nextReturn = chunk.indexOf(carriageReturn, position);
    for (;;) {
      if (nextReturn !== -1 && nextReturn < position) nextReturn = chunk.indexOf(carriageReturn, position);
      const nextFeed = chunk.indexOf(lineFeed, position);
      const lineEnd = nextReturn !== -1 && (nextFeed === -1 || nextReturn < nextFeed) ? nextReturn : nextFeed;
      if (lineEnd === -1) {
        if (position < chunk.length) lineIsEmpty = false;
        return ends;
      }
      const isBlank = lineIsEmpty && lineEnd === position;
      position = lineEnd + 1;
      if (chunk[lineEnd] === carriageReturn) {
        if (position === chunk.length) endedInCarriageReturn = true;
        else if (chunk[position] === lineFeed) position += 1;
      }
      if (isBlank) ends.push(position);
      lineIsEmpty = true;
    }
  }

  function take(last: Buffer): Buffer {
    if (partBytes === 0) return last;
    const block = Buffer.concat([...parts, last]);
    parts = [];
    partBytes = 0;
    return block;
  }

  /** Parts are joined once, when the block is whole: joining at every chunk would be quadratic. */
  function keep(part: Buffer): void {
    partBytes += part.length;
    parts.push(part);
    if (partBytes > limit && (partBytes > largeLimit || !mayBeLarge(parts))) throw new SseBlockTooLarge();
  }

  return { push, rest: () => take(Buffer.alloc(0)) };
}

/** The first part may be a few bytes only. */
function mayBeLarge(parts: readonly Buffer[]): boolean {
  let start = '';
  for (const part of parts) {
    start += part.toString('latin1', 0, lookBytes - start.length);
    if (start.length >= lookBytes) break;
  }
  return largeTypes.test(start);
}
