/** The frame of an event: its data as it came, but for what means something else over a websocket. Pure. */
import { membersOrNull, readSpan, scanObject, spliceSpans } from '../../lib/json-spans.ts';
import { renderErrorEvent } from '../dialects/codex/render-error-frame.ts';
import type { ObservedBlock } from '../stream/observe-answer.ts';
import { dataOf } from '../stream/read-block.ts';

/** Events after which nothing of the answer follows. */
const endings = new Set(['response.completed', 'response.done', 'response.incomplete', 'response.failed', 'error']);

/** Does this event end the answer for its client? */
export function isEnding({ type }: ObservedBlock): boolean {
  return type !== null && endings.has(type);
}

/**
 * null for what carries no event: comments, `[DONE]`, junk.
 *
 * @param options.isContinuable - The next turn may go on from this answer, so its client learns the id.
 */
export function frameOfBlock(block: ObservedBlock, { isContinuable }: { isContinuable: boolean }): Buffer | null {
  const data = block.type === null ? null : dataOf(block.bytes);
  if (!data) return null;
  if (block.type === 'error') return block.event ? renderErrorEvent(block.event) : null;
  return isEnding(block) && !isContinuable ? withoutAnswerId(data) : data;
}

/**
 * An answer that came whole, as the one event of it that a client cannot do without; null for what is no object, because
 * a client would wait on for an event that it understands.
 */
export function frameOfWhole(body: Buffer): Buffer | null {
  if (!membersOrNull(body)) return null;
  const object = body.subarray(body.indexOf(openBrace));
  return withoutAnswerId(Buffer.concat([wholeStart, object, wholeEnd]));
}

const wholeStart = Buffer.from('{"type":"response.completed","response":');
const wholeEnd = Buffer.from('}');

/**
 * The provider keeps no answer that came over HTTP, so none can be gone on from by its id. With an empty one the client
 * sends its whole input the next time, without a word (wire spec A7.1, A7.2).
 */
function withoutAnswerId(data: Buffer): Buffer {
  try {
    const response = scanObject(data).find(({ key }) => key === 'response');
    if (!response || data[response.start] !== openBrace) return data;
    const inside = scanObject(data.subarray(response.start, response.end));
    const id = inside.find(({ key }) => key === 'id');
    if (!id || typeof readSpan(data.subarray(response.start), id) !== 'string') return data;
    return spliceSpans(data, [{ start: response.start + id.start, end: response.start + id.end, value: '""' }]);
  } catch {
    return data; // What is no JSON is the client's to ignore, as over HTTP.
  }
}

const openBrace = 0x7b;
