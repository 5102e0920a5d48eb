/** Reads an answer to its end, within a bound, for what is no stream. */
import type { HttpAnswer } from './world.ts';

/** An answer longer than its bound; what was read is dropped. */
export class AnswerTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`the answer is larger than ${maxBytes} bytes`);
    this.name = 'AnswerTooLarge';
  }
}

/**
 * @throws AnswerTooLarge when there are more than `maxBytes`; the rest is given up
 * @throws NetworkFault when it breaks off
 */
export async function readWhole(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer.body) {
    size += piece.length;
    if (size > maxBytes) {
      answer.cancel();
      throw new AnswerTooLarge(maxBytes);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}
