/** Small checks of field values: each returns what is wrong, as the end of a sentence, or null. Pure. */
import { isRecord } from '../../../lib/json-values.ts';

export type Check = (value: unknown) => string | null;

export const isBoolean: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

export const isObject: Check = (value) => (isRecord(value) ? null : 'must be an object');

export const isAnything: Check = () => null;

export function isText({ maxLength, mayBeBlank = true }: { maxLength?: number; mayBeBlank?: boolean } = {}): Check {
  return (value) => {
    if (typeof value !== 'string') return 'must be a string';
    if (!mayBeBlank && value.trim() === '') return 'must not be blank';
    return maxLength !== undefined && value.length > maxLength ? `must have at most ${maxLength} characters` : null;
  };
}

export function isWord(...words: readonly string[]): Check {
  return (value) => (words.includes(value as string) ? null : `must be one of ${words.join(', ')}`);
}

export function isNumber({ min, max }: { min: number; max: number }): Check {
  return (value) =>
    typeof value === 'number' && value >= min && value <= max ? null : `must be a number between ${min} and ${max}`;
}

export function isInteger({ min, max }: { min: number; max?: number }): Check {
  const range = max === undefined ? `of at least ${min}` : `between ${min} and ${max}`;
  return (value) => {
    const isFit =
      Number.isSafeInteger(value) && (value as number) >= min && (max === undefined || (value as number) <= max);
    return isFit ? null : `must be a whole number ${range}`;
  };
}

/** An object of short texts, as `metadata` is. */
export function isTextMap({
  maxEntries,
  maxKey,
  maxValue,
}: {
  maxEntries: number;
  maxKey: number;
  maxValue: number;
}): Check {
  return (value) => {
    if (!isRecord(value)) return 'must be an object';
    const entries = Object.entries(value);
    if (entries.length > maxEntries) return `must have at most ${maxEntries} entries`;
    if (entries.some(([key]) => key.length > maxKey)) return `must have keys of at most ${maxKey} characters`;
    const isFit = entries.every(([, each]) => typeof each === 'string' && each.length <= maxValue);
    return isFit ? null : `must have values that are strings of at most ${maxValue} characters`;
  };
}
