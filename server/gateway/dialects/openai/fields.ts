/**
 * Tables of request fields: what each may hold and what becomes of it. A public request is read by going down its
 * table, so what is supported can be read there (v1 spec 2.1, 3.1).
 */
import { badValue, unsupported } from './bad-request.ts';
import type { Check } from './checks.ts';
import type { JsonRecord } from './json-record.ts';

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
export const reject = (...neutral: readonly unknown[]): FieldRule => ({
  as: 'reject',
  neutral: (value) => neutral.some((each) => JSON.stringify(each) === JSON.stringify(value)),
});

/**
 * Checks every field of a request in the table's order; null counts as absent, because client libraries send it so.
 *
 * @returns the present fields, and those among them that go on as they are.
 * @throws {GatewayError} for an unknown field (the first by the alphabet), an unsupported one, a wrong value.
 */
export function readFields(request: JsonRecord, table: FieldTable): { given: JsonRecord; forwarded: JsonRecord } {
  const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null));
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(table, name));
  const [first] = unknown.toSorted();
  if (first !== undefined) throw unsupported(plainName(first));
  const forwarded: JsonRecord = {};
  for (const [name, rule] of Object.entries(table)) {
    const { [name]: value } = given;
    if (value === undefined) continue;
    if (rule.as === 'reject') {
      if (!rule.neutral(value)) throw unsupported(name, rule.hint);
      continue;
    }
    const wrong = rule.check(value);
    if (wrong !== null) throw badValue(name, wrong);
    if (rule.as === 'forward') forwarded[name] = value;
  }
  return { given, forwarded };
}

/** A field name that looks like one; anything else is the client's text and is not repeated. */
function plainName(name: string): string {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : '(unnamed)';
}
