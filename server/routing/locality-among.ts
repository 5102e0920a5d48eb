/** What became of a prompt cache key, once it is known how many accounts could serve. Pure. */
import type { LocalityWord } from '../contract/vocabulary.ts';

/** With fewer than two accounts to choose from there is nothing to bring together. */
export function localityAmong(locality: LocalityWord, eligibleCount: number): LocalityWord {
  if (locality !== 'applied') return locality;
  if (eligibleCount === 0) return 'no_eligible_candidates';
  return eligibleCount === 1 ? 'single_eligible_candidate' : 'applied';
}
