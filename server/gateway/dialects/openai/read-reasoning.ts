/** Reasoning of a public request (v1 spec 2.5): the many spellings of an effort become one. Pure. */
import { isRecord, recordOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { rowOf } from '../../../lib/row-of.ts';
import { badValue, unsupported } from './bad-request.ts';
import { plainName } from './fields.ts';

const effortWord = /^[a-z0-9](?:[a-z0-9]|[_-](?![_-])){0,31}$/;
/** The provider hangs on the first and knows the second by another name (wire spec B12). */
const rewritten: Readonly<Record<string, string>> = { minimal: 'low', ultra: 'max' };
const contexts = ['auto', 'current_turn', 'all_turns'];
const summaries = ['auto', 'concise', 'detailed'];

/** @param at - Where the client wrote it. @returns the effort in lower case, or null when there is none. */
export function readEffort(value: unknown, at: string): string | null {
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) return null;
  const effort = textOf(value).trim().toLowerCase();
  if (!effortWord.test(effort)) throw badValue(at, 'must be a word such as low, medium or high');
  return effort;
}

/** The word the provider understands. */
export function upstreamEffort(effort: string): string {
  return rowOf(rewritten, effort) ?? effort;
}

/** The `reasoning` object of a request, its effort apart, with what other spellings add to it (v1 spec 2). */
export function readReasoning(request: JsonRecord): { effort: string | null; rest: JsonRecord } {
  const {
    effort,
    summary,
    generate_summary: generated,
    context,
    ...unknown
  } = withoutNull(recordOf(request['reasoning']));
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) throw unsupported(`reasoning.${plainName(extra)}`);
  const told = summary ?? generated ?? request['reasoning_summary'] ?? request['reasoningSummary'];
  expectWord(told, { at: 'reasoning.summary', words: summaries });
  expectWord(context, { at: 'reasoning.context', words: contexts });
  const asked = readEffort(effort, 'reasoning.effort') ?? effortOfAliases(request);
  return { effort: asked, rest: withoutNull({ summary: told, context }) };
}

function expectWord(value: unknown, { at, words }: { at: string; words: readonly string[] }): void {
  if (value === undefined || value === null) return;
  if (!words.includes(textOf(value))) throw badValue(at, `must be one of ${words.join(', ')}`);
}

/**
 * Effort by the names other tools give it: `reasoningEffort`, `thinking`, `enable_thinking` (v1 spec 2). The disabled
 * spellings say nothing: they cannot switch reasoning off.
 */
function effortOfAliases(request: JsonRecord): string | null {
  return (
    readEffort(request['reasoning_effort'], 'reasoning_effort') ??
    readEffort(request['reasoningEffort'], 'reasoningEffort') ??
    effortOfThinking(request['thinking']) ??
    (request['enable_thinking'] === true ? 'medium' : null)
  );
}

function effortOfThinking(thinking: unknown): string | null {
  if (thinking === true) return 'medium';
  if (isRecord(thinking)) {
    if (textOf(thinking['effort']) !== '') return readEffort(thinking['effort'], 'thinking.effort');
    return thinking['enabled'] === true || isOn(thinking['type']) ? 'medium' : null;
  }
  if (isOn(thinking)) return 'medium';
  const isOff = ['', 'disabled', 'off', 'false', 'none'].includes(textOf(thinking).trim().toLowerCase());
  return isOff ? null : readEffort(thinking, 'thinking');
}

function isOn(value: unknown): boolean {
  return ['enabled', 'on', 'true', 'adaptive'].includes(textOf(value).trim().toLowerCase());
}
