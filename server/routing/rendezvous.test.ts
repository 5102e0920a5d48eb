import { describe, expect, it } from 'vitest';
import { accountFacts, emptyScene } from '../../test/support/account-facts.ts';
import type { AccountFacts } from '../accounts/account.ts';
import { orderCandidates } from './order-candidates.ts';
import { affinityScore, fingerprintOf } from './rendezvous.ts';

describe('rendezvous', () => {
  it('gives a number of 32 bits that depends on both sides', () => {
    const seed = fingerprintOf('thread');
    const score = affinityScore(seed, accountFacts('a'));
    expect(Number.isInteger(score) && score >= 0 && score < 2 ** 32).toBe(true);
    expect(affinityScore(fingerprintOf('thread'), accountFacts('a', { label: 'renamed' }))).toBe(score);
    expect(affinityScore(seed, accountFacts('b'))).not.toBe(score);
    expect(affinityScore(fingerprintOf('other'), accountFacts('a'))).not.toBe(score);
  });

  it('decides by id between two accounts that score the same, under every strategy that scores', () => {
    const [one, other] = twins('s');
    const order = (strategy: 'bridge_ring' | 'deterministic_rotation', accounts: AccountFacts[]) =>
      orderCandidates(accounts, {
        ...emptyScene,
        strategy,
        limit: 1,
      })[0]!.account.id;
    const first = one.id < other.id ? one.id : other.id;
    for (const strategy of ['bridge_ring', 'deterministic_rotation'] as const)
      expect([order(strategy, [one, other]), order(strategy, [other, one])]).toEqual([first, first]);
  });
});

/** Two accounts that this seed likes equally: among some hundred thousand there are always such. */
function twins(text: string): [AccountFacts, AccountFacts] {
  const seed = fingerprintOf(text);
  const byScore = new Map<number, AccountFacts>();
  for (let index = 0; ; index += 1) {
    const account = accountFacts(`account-${index}`);
    const score = affinityScore(seed, account);
    const twin = byScore.get(score);
    if (twin) return [twin, account];
    byScore.set(score, account);
  }
}
