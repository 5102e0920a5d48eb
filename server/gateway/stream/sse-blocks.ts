/**
 * Cuts a byte stream into SSE blocks without changing a byte: the blocks joined are the stream. Lines may end in LF,
 * CRLF or a lone CR, also split over chunks (wire spec C1; HTML standard, "Server-sent events").
 */

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** One block may hold an item of many megabytes, never more than this (wire spec C1). */
export const maxBlockBytes = 16 * 2 ** 20;

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

export function createSseBlocks(limit: number = maxBlockBytes): SseBlocks {
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
    if (partBytes > limit) throw new SseBlockTooLarge();
    parts.push(part);
  }

  return { push, rest: () => take(Buffer.alloc(0)) };
}
