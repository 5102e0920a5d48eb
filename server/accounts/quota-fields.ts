/**
 * Single fields of the provider's limit reports, each brought to its range or to null. Reports come as header text, as
 * JSON numbers, or as Python-style words, and may be empty (wire spec A10). Pure; nothing here throws.
 */

/** Window lengths the provider is known to use: 5 hours, 7 days, 30 days (wire spec A10). */
const knownMinutes = [300, 10_080, 43_200];
/** A length this close to a known one is that one. */
const lengthTolerance = 0.01;
const longestMinutes = 366 * 24 * 60;
/** No limit lasts longer; an instant further off is a unit we do not know. */
const farthestMs = 400 * 86_400_000;
/** Seconds since 1970 stay below this until the year 5138; larger numbers are milliseconds. */
const largestSeconds = 1e11;

/** A number from a number or from text; null for anything else, empty text and the infinite. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'string' && value.trim() === '') return null;
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Used percent, 0–100. More than 100 means used up; less than 0 means nothing. */
export function percentOf(value: unknown): number | null {
  const number = numberOf(value);
  return number === null || number < 0 ? null : Math.min(number, 100);
}

/** A window's length in whole minutes, rounded up, known lengths exact. Null when absent, zero or absurd. */
export function minutesOf(value: unknown): number | null {
  const number = numberOf(value);
  if (number === null || number <= 0 || number > longestMinutes) return null;
  const minutes = Math.ceil(number);
  return knownMinutes.find((known) => Math.abs(known - minutes) <= known * lengthTolerance) ?? minutes;
}

/** The same from seconds. */
export function minutesOfSeconds(value: unknown): number | null {
  const seconds = numberOf(value);
  return seconds === null ? null : minutesOf(seconds / 60);
}

/** An instant from unix seconds, milliseconds or ISO 8601 text; null when it is more than 400 days from `near`. */
export function instantOf(value: unknown, near: Date): Date | null {
  const number = numberOf(value);
  const isDate = number === null && typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value);
  const ms = isDate ? Date.parse(value) : number !== null && number > 0 ? toMs(number) : Number.NaN;
  return Math.abs(ms - near.getTime()) <= farthestMs ? new Date(Math.floor(ms)) : null;
}

/** An instant that lies `value` seconds after `from`. */
export function instantAfter(value: unknown, from: Date): Date | null {
  const seconds = numberOf(value);
  return seconds === null || seconds < 0 ? null : instantOf(from.getTime() / 1000 + seconds, from);
}

/** `true`, `True`, `1` and their opposites. */
export function booleanOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return null;
  const word = value.trim().toLowerCase();
  if (word === 'true' || word === '1') return true;
  return word === 'false' || word === '0' ? false : null;
}

/** Short printable text, trimmed; null when empty or anything else. */
export function wordOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const word = value.trim();
  return /^[\x20-\x7e]{1,80}$/.test(word) ? word : null;
}

function toMs(number: number): number {
  return number > largestSeconds ? number : number * 1000;
}
