/** Takes a model list apart without touching its bytes: which model each entry describes, and the entry as it came. */
import { readSpan, scanArray, scanObject } from '../lib/json-spans.ts';

/** One model of a list. */
export interface CatalogEntry {
  readonly slug: string;
  /** The entry's exact bytes; clients decode it strictly, so no field may change (wire spec A9). */
  readonly bytes: Buffer;
}

/** A list that is no list of models. */
export class CatalogUnreadable extends Error {
  constructor() {
    super('the model list is not readable');
    this.name = 'CatalogUnreadable';
  }
}

const longestSlug = 200;

/**
 * The entries of `{"models":[…]}`, `{"data":[…]}` or a bare array, in order. Entries without a slug (`slug`, else `id`)
 * are left out, as are later ones with a slug seen before.
 *
 * @throws CatalogUnreadable when the bytes are none of these
 */
export function splitCatalog(bytes: Buffer): CatalogEntry[] {
  const list = listOf(bytes);
  const entries = new Map<string, CatalogEntry>();
  for (const { start, end } of spansOf(list)) {
    const entry = list.subarray(start, end);
    const slug = slugOf(entry);
    if (slug !== null && !entries.has(slug)) entries.set(slug, { slug, bytes: entry });
  }
  return [...entries.values()];
}

/** The bytes of the array itself. */
function listOf(bytes: Buffer): Buffer {
  if (firstByte(bytes) === '[') return bytes;
  const members = unreadableUnless(() => scanObject(bytes));
  const member = members.find(({ key }) => key === 'models') ?? members.find(({ key }) => key === 'data');
  if (!member) throw new CatalogUnreadable();
  return bytes.subarray(member.start, member.end);
}

function spansOf(list: Buffer) {
  return unreadableUnless(() => scanArray(list));
}

function slugOf(entry: Buffer): string | null {
  if (firstByte(entry) !== '{') return null;
  const members = unreadableUnless(() => scanObject(entry));
  for (const name of ['slug', 'id']) {
    const member = members.findLast(({ key }) => key === name);
    if (!member || member.end - member.start > longestSlug + 2) continue;
    const value = unreadableUnless(() => readSpan(entry, member));
    if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  }
  return null;
}

function firstByte(bytes: Buffer): string | undefined {
  return /^(?:\xef\xbb\xbf)?\s*(.)/.exec(bytes.subarray(0, 64).toString('latin1'))?.[1];
}

function unreadableUnless<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new CatalogUnreadable();
  }
}
