/** Options that change nothing here, checked all the same: a typo should be told, not swallowed (v1 spec 2.1). Pure. */
import { isRecord, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue, unsupported } from './bad-request.ts';
import type { Check } from './checks.ts';
import { plainName } from './fields.ts';

/** @param known - What the surface's `stream_options` may hold. @returns those that are switched on. */
export function readStreamOptions(options: unknown, known: readonly string[]): ReadonlySet<string> {
  const given = presentIn(options);
  for (const [name, value] of given) {
    const param = `stream_options.${plainName(name)}`;
    if (!known.includes(name)) throw unsupported(param, `It holds only ${known.join(' and ')}.`);
    if (typeof value !== 'boolean') throw badValue(param, 'must be true or false');
  }
  return new Set(given.flatMap(([name, value]) => (value === true ? [name] : [])));
}

const cacheOptions: Readonly<Record<string, readonly unknown[]>> = { mode: ['implicit', 'explicit'], ttl: ['30m'] };

export function checkCacheOptions(options: unknown): void {
  for (const [name, value] of presentIn(options)) {
    const isKnown = Object.hasOwn(cacheOptions, name) && cacheOptions[name]?.includes(value);
    if (!isKnown) throw badValue(`prompt_cache_options.${plainName(name)}`, 'is not an option this gateway knows');
  }
}

/** `moderation` goes on as it is, when it names its model. */
export const isModeration: Check = (value) =>
  isRecord(value) && textOf(value['model']).trim() !== '' ? null : 'must be an object that names its model';

/** null counts as absent here too. */
function presentIn(options: unknown): [name: string, value: unknown][] {
  return Object.entries(recordOf(options) satisfies JsonRecord).filter(([, value]) => value !== null);
}
