/**
 * The names under which a model may be asked for (v1 spec 5.3): its id in any case, with a prefix as other tools write
 * it, with an effort or a tier at its end. What is found is data of the Pool's list; no id is known here. Pure.
 */
import { rowOf } from '../../../lib/row-of.ts';

export interface ModelName {
  /** As the list spells it; null when nothing in the list is meant. */
  readonly model: string | null;
  readonly effort: string | null;
  readonly tier: string | null;
}

/** Words that may follow an id, from least to most for efforts. `max` and `ultra` are parts of names, never endings. */
const efforts: Readonly<Record<string, string>> = {
  minimal: 'minimal',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  extra: 'high',
};
const ladder = ['minimal', 'low', 'medium', 'high'];
const tiers: Readonly<Record<string, string>> = { fast: 'priority', priority: 'priority' };
const silent = new Set(['reasoning', 'thinking']);
const inParentheses = new Set(['none', 'low', 'medium', 'high', 'xhigh', 'max']);

/** @param ids - The models that exist, aliases among them. */
export function readModelName(name: string, ids: readonly string[]): ModelName {
  const plain = withoutPrefix(name.trim(), ids);
  const exact = find(plain, ids);
  if (exact !== null) return { model: exact, effort: null, tier: null };
  return withParentheses(plain, ids) ?? withEndings(plain, ids) ?? { model: null, effort: null, tier: null };
}

function find(name: string, ids: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  return ids.find((id) => id.toLowerCase() === wanted) ?? null;
}

/** `openai/<id>`, `<gateway>/<id>`; an id may contain a slash itself. */
function withoutPrefix(name: string, ids: readonly string[]): string {
  if (find(name, ids) !== null) return name;
  const slash = name.indexOf('/');
  return slash > 0 ? name.slice(slash + 1) : name;
}

function withParentheses(name: string, ids: readonly string[]): ModelName | null {
  const match = /^(.+)\(([a-z]+|\d{1,7})\)$/i.exec(name);
  const model = match?.[1] === undefined ? null : find(match[1].trim(), ids);
  if (!match?.[2] || model === null) return null;
  const word = match[2].toLowerCase();
  if (/^\d/.test(word)) return { model, effort: effortOfTokens(Number(word)), tier: null };
  return inParentheses.has(word) ? { model, effort: word, tier: null } : null;
}

/** A thinking budget in tokens, as older tools name an effort. */
function effortOfTokens(tokens: number): string {
  if (tokens <= 512) return 'minimal';
  if (tokens <= 1_024) return 'low';
  if (tokens <= 8_192) return 'medium';
  return tokens <= 24_576 ? 'high' : 'xhigh';
}

/** The longest id that the name begins with, when every word after it is known. */
function withEndings(name: string, ids: readonly string[]): ModelName | null {
  const wanted = name.toLowerCase();
  const model = ids
    .filter((id) => wanted.startsWith(`${id.toLowerCase()}-`))
    .toSorted((left, right) => right.length - left.length)[0];
  if (model === undefined) return null;
  const words = wanted.slice(model.length + 1).split('-');
  if (!words.every((word) => rowOf(efforts, word) || rowOf(tiers, word) || silent.has(word))) return null;
  const named = words.flatMap((word) => rowOf(efforts, word) ?? []);
  const effort = named.toSorted((left, right) => ladder.indexOf(right) - ladder.indexOf(left))[0] ?? null;
  return { model, effort, tier: words.flatMap((word) => rowOf(tiers, word) ?? [])[0] ?? null };
}
