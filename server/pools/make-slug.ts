/** A slug from a name, as people would write it themselves. */
import { PoolSlug } from '../contract/pools.ts';

/** Leaves room for a number behind it. */
const longest = 70;

/**
 * "Größe & Co" becomes "grosse-co". Null when nothing of the name can stand in a slug.
 *
 * @example makeSlug('Night shift') // 'night-shift'
 */
export function makeSlug(name: string): string | null {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll(/\p{Mark}+/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, longest)
    .replaceAll(/^-+|-+$/g, '');
  return PoolSlug.safeParse(slug).success ? slug : null;
}
