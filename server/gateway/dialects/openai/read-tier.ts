/** The service tier of a public request (v1 spec 2.1). Pure. */
import { textOf } from '../../../lib/json-values.ts';
import { badValue } from './bad-request.ts';

const known = ['auto', 'default', 'flex', 'priority', 'fast', 'scale', 'ultrafast'];

/** @returns null for what means that none is asked for: the provider takes no word for that. */
export function readTier(tier: unknown): string | null {
  if (tier === undefined || tier === null) return null;
  const word = textOf(tier).trim().toLowerCase();
  if (!known.includes(word)) throw badValue('service_tier', `must be one of ${known.join(', ')}`);
  if (word === 'auto' || word === 'default') return null;
  return word === 'fast' ? 'priority' : word;
}
