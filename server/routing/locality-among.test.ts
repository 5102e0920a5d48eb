import { expect, it } from 'vitest';
import { localityAmong } from './locality-among.ts';

it('has nothing to bring together among fewer than two accounts', () => {
  expect([0, 1, 2].map((count) => localityAmong('applied', count))).toEqual([
    'no_eligible_candidates',
    'single_eligible_candidate',
    'applied',
  ]);
  expect(localityAmong('pinned', 0)).toBe('pinned');
});
