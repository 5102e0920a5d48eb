/** Which accounts a saved reset could free for a request that nobody can serve. Pure. */
import type { ExclusionReason } from '../../contract/vocabulary.ts';
import type { Exclusion } from '../../routing/eligibility.ts';

/** These accounts are no candidates of the request at all; a person or another request has to do with them. */
const neverCandidates = new Set<ExclusionReason>([
  'account_paused',
  'account_removed',
  'account_signed_out',
  'model_not_offered',
  'tier_not_offered',
  'streaming_not_offered',
  'images_not_offered',
  'tools_not_offered',
  'reasoning_not_offered',
  'model_refused',
  'pinned_elsewhere',
]);

/**
 * The candidates if each is out by a used up limit; none as soon as one is out for something that passes by itself,
 * because then nothing has to be spent (gateway spec 5.8).
 */
export function rescueCandidates(exclusions: readonly Exclusion[]): readonly string[] {
  const candidates = exclusions.filter(({ reason }) => !neverCandidates.has(reason));
  return candidates.every(({ reason }) => reason === 'usage_limit_reached')
    ? candidates.map(({ accountId }) => accountId)
    : [];
}
