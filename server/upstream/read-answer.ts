/** Reads a provider's answer whole, up to a limit, for the small calls that are not streams. */
import type { HttpAnswer } from '../world/world.ts';

/** An answer longer than its limit; what was read is dropped. */
export class AnswerTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`the answer is larger than ${maxBytes} bytes`);
    this.name = 'AnswerTooLarge';
  }
}

/**
 * The body of an answer.
 *
 * @throws AnswerTooLarge when it is longer than `maxBytes`
 * @throws NetworkFault when it breaks off
 */
export async function readBody(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of answer.body) {
      size += piece.length;
      if (size > maxBytes) throw new AnswerTooLarge(maxBytes);
      pieces.push(piece);
    }
  } finally {
    answer.cancel();
  }
  return Buffer.concat(pieces);
}

/** The body as JSON, or undefined when it is none (an edge's HTML page, nothing at all). */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
