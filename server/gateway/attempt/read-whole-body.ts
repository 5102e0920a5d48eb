/** Reads an answer's body to its end, within a bound. */
import { AnswerTooLarge, readWhole } from '../../world/read-whole.ts';
import type { HttpAnswer } from '../../world/world.ts';

/** Whole answers (compactions, plain JSON) are kept in memory up to this much (gateway spec 2.8). */
export const maxWholeAnswerBytes = 64 * 2 ** 20;

/** @returns the bytes, or null when there are more than the bound; the rest is given up. */
export async function readWholeBody(answer: HttpAnswer, maxBytes: number): Promise<Buffer | null> {
  try {
    return await readWhole(answer, maxBytes);
  } catch (error) {
    if (error instanceof AnswerTooLarge) return null;
    throw error;
  }
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
