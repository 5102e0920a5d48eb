/**
 * What a request says of how long its answer may be: enough to set the right amount of output aside. It decides nothing
 * else, so what is written twice or not well is read as if it were not there.
 */
import { createMark } from '../../../lib/find-mark.ts';
import type { Member } from '../../../lib/json-spans.ts';

/** The client's own cap in tokens; null when it gives none. */
export function outputCapOf(body: Buffer, members: readonly Member[]): number | null {
  const text = textOf(body, { members, name: 'max_output_tokens' });
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null;
}

/** Results of tools, files and images; in a text of the conversation their names have no closing quote right after. */
const opaqueMarks = [
  createMark('_call_output"', '_output'),
  createMark('"input_file"', '_file"'),
  createMark('"input_image"', '_image"'),
] as const;

/** Does it continue or refer to something whose size the body does not tell (gateway spec 11.2)? */
export function hasOpaqueContext(body: Buffer, members: readonly Member[]): boolean {
  const names = ['previous_response_id', 'conversation'];
  if (names.some((name) => /^["{]/.test(textOf(body, { members, name }) ?? ''))) return true;
  const input = members.find(({ key }) => key === 'input');
  if (!input) return false;
  const items = body.subarray(input.start, input.end);
  return opaqueMarks.some((find) => find(items) >= 0);
}

/** The start of a member's value as it is written; null when there is no such member. */
function textOf(body: Buffer, { members, name }: { members: readonly Member[]; name: string }): string | null {
  const member = members.find(({ key }) => key === name);
  return member ? body.toString('latin1', member.start, Math.min(member.end, member.start + 16)) : null;
}
