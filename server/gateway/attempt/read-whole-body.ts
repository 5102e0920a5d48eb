/** Reads an answer's body to its end, within a bound. */
import type { HttpAnswer } from '../../world/world.ts';

/** Whole answers (compactions, plain JSON) are kept in memory up to this much (gateway spec 2.8). */
export const maxWholeAnswerBytes = 64 * 2 ** 20;

/** @returns the bytes, or null when there are more than the bound; the rest is given up. */
export async function readWholeBody(answer: HttpAnswer, maxBytes: number): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer.body) {
    size += part.length;
    if (size > maxBytes) {
      answer.cancel();
      return null;
    }
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** The start of a body, at most `maxBytes`: enough to judge a refusal, however long its page is. */
export async function readBodyStart(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer.body) {
    parts.push(part.subarray(0, maxBytes - size));
    size += part.length;
    if (size < maxBytes) continue;
    answer.cancel();
    break;
  }
  return Buffer.concat(parts);
}
