/** What a key's policy must know of a model: its name and efforts, read from its entry in a list. */
import { JsonSyntaxError, readSpan, scanArray, scanObject, type Span } from '../lib/json-spans.ts';
import type { CatalogEntry } from './split-catalog.ts';

export interface ModelEfforts {
  /** In the order of the entry; null when it does not say. */
  readonly efforts: readonly string[] | null;
  readonly defaultEffort: string | null;
}

/** Entries live as long as their list; what was read of one is kept beside it. */
const known = new WeakMap<CatalogEntry, ModelEfforts>();

/** The entry of a model, whatever the case of its name. */
export function entryOf(entries: readonly CatalogEntry[], model: string): CatalogEntry | undefined {
  const wanted = model.trim().toLowerCase();
  return entries.find(({ slug }) => slug.toLowerCase() === wanted);
}

/** `supported_reasoning_levels` and `default_reasoning_level` of an entry (wire spec A9). What cannot be read says nothing. */
export function effortsOf(entry: CatalogEntry): ModelEfforts {
  const kept = known.get(entry);
  if (kept) return kept;
  const read = readEfforts(entry);
  known.set(entry, read);
  return read;
}

function readEfforts({ bytes }: CatalogEntry): ModelEfforts {
  try {
    const members = scanObject(bytes);
    const levels = members.findLast(({ key }) => key === 'supported_reasoning_levels');
    const usual = members.findLast(({ key }) => key === 'default_reasoning_level');
    const isList = levels !== undefined && bytes[levels.start] === openBracket;
    return {
      efforts: isList ? levelsOf(bytes, levels).flatMap(({ effort }) => effort ?? []) : null,
      defaultEffort: usual ? textOf(bytes, usual) : null,
    };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { efforts: null, defaultEffort: null };
  }
}

/** The elements of a list of levels, each with the effort it names. */
export function levelsOf(bytes: Buffer, list: Span): (Span & { readonly effort: string | null })[] {
  return scanArray(bytes.subarray(list.start, list.end)).map(({ start, end }) => {
    const span = { start: list.start + start, end: list.start + end };
    return { ...span, effort: effortOf(bytes.subarray(span.start, span.end)) };
  });
}

function effortOf(level: Buffer): string | null {
  if (level[0] !== openBrace) return textOf(level, { start: 0, end: level.length });
  const member = scanObject(level).findLast(({ key }) => key === 'effort');
  return member ? textOf(level, member) : null;
}

function textOf(bytes: Buffer, span: Span): string | null {
  if (bytes[span.start] !== quote || span.end - span.start > longestWord) return null;
  try {
    return String(readSpan(bytes, span));
  } catch {
    return null;
  }
}

const longestWord = 100;
const quote = 0x22;
const openBrace = 0x7b;
const openBracket = 0x5b;
