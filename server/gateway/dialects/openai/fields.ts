/**
 * Tables of request fields: what each may hold and what becomes of it. A public request is read by going down its
 * table, so what is supported can be read there (v1 spec 2.1, 3.1).
 */
import type { JsonRecord } from '../../../lib/json-values.ts';
import { badValue, missing, unsupported } from './bad-request.ts';
import type { Check } from './checks.ts';

/**
 * What becomes of a field: `forward` goes to the provider as it is; `strip` is checked and dropped; `reader` is checked
 * here and read elsewhere; `reject` is refused unless its value changes nothing.
 */
export type FieldRule =
  | { readonly as: 'forward' | 'strip' | 'reader'; readonly check: Check }
  | { readonly as: 'reject'; readonly neutral: (value: unknown) => boolean; readonly hint?: string };

export type FieldTable = Readonly<Record<string, FieldRule>>;

export const forward = (check: Check): FieldRule => ({ as: 'forward', check });
export const strip = (check: Check): FieldRule => ({ as: 'strip', check });
export const reader = (check: Check): FieldRule => ({ as: 'reader', check });
export const reject = (...neutral: readonly unknown[]): FieldRule => refuse({ neutral });

/** @param options.hint - What to do instead. @param options.neutral - Values that change nothing. */
export function refuse({ neutral, hint }: { neutral: readonly unknown[]; hint?: string }): FieldRule {
  const isNeutral = (value: unknown) => neutral.some((each) => JSON.stringify(each) === JSON.stringify(value));
  return { as: 'reject', neutral: isNeutral, ...(hint !== undefined && { hint }) };
}

/**
 * Checks every field of a request; null counts as absent, because client libraries send it so. The first that is wrong
 * is told: a field that would change the answer in a way that cannot be had, an unknown one (the first by the
 * alphabet), a missing model, then values in the table's order (v1 spec 2).
 *
 * @returns the present fields, and those among them that go on as they are.
 * @throws {GatewayError} naming the field at fault.
 */
export function readFields(request: JsonRecord, table: FieldTable): { given: JsonRecord; forwarded: JsonRecord } {
  const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null));
  const rules = Object.entries(table).filter(([name]) => Object.hasOwn(given, name));
  for (const [name, rule] of rules)
    if (rule.as === 'reject' && !rule.neutral(given[name])) throw unsupported(name, rule.hint);
  const [unknown] = Object.keys(given)
    .filter((name) => !Object.hasOwn(table, name))
    .toSorted();
  if (unknown !== undefined) throw unsupported(plainName(unknown));
  const { model = '' } = given;
  if (typeof model === 'string' && model.trim() === '') throw missing('model');
  const forwarded: JsonRecord = {};
  for (const [name, rule] of rules) {
    if (rule.as === 'reject') continue;
    const { [name]: value } = given;
    const wrong = rule.check(value);
    if (wrong !== null) throw badValue(name, wrong);
    if (rule.as === 'forward') forwarded[name] = value;
  }
  return { given, forwarded };
}

/** A field name that looks like one; anything else is the client's text and is not repeated. */
export function plainName(name: string): string {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : '(unnamed)';
}
