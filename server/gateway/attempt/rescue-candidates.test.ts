import { describe, expect, it } from 'vitest';
import { exclusionReasons, type ExclusionReason } from '../../contract/vocabulary.ts';
import { rescueCandidates } from './rescue-candidates.ts';

const out = (...reasons: ExclusionReason[]) =>
  reasons.map((reason, index) => ({ accountId: `account ${index}`, reason, until: null }));

/** Who is out for these could not serve whatever is spent; all other reasons pass by themselves. */
const beside = Object.keys(exclusionReasons).filter((word) =>
  /^(account_(paused|removed|signed_out)|.*_not_offered|model_refused|pinned_elsewhere)$/.test(word),
) as ExclusionReason[];
const passing = (Object.keys(exclusionReasons) as ExclusionReason[]).filter(
  (word) => word !== 'usage_limit_reached' && !beside.includes(word),
);

describe('the accounts that a saved reset could free', () => {
  it('are all that are out by a limit', () => {
    expect(rescueCandidates(out('usage_limit_reached', 'usage_limit_reached'))).toEqual(['account 0', 'account 1']);
    expect(rescueCandidates([])).toEqual([]);
  });

  it.each(beside)('stay so beside one for which nothing can be spent (%s)', (reason) => {
    expect(rescueCandidates(out(reason, 'usage_limit_reached'))).toEqual(['account 1']);
    expect(rescueCandidates(out(reason))).toEqual([]);
  });

  it.each(passing)('are none while one is out for what passes by itself (%s)', (reason) => {
    expect(rescueCandidates(out('usage_limit_reached', reason))).toEqual([]);
  });
});
