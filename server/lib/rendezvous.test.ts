import { describe, expect, it } from 'vitest';
import { affinityScore, fingerprintOf } from './rendezvous.ts';

describe('rendezvous', () => {
  it('gives a number of 32 bits that depends on both sides', () => {
    const [thread, other, a, b] = ['thread', 'other', 'a', 'b'].map(fingerprintOf);
    const score = affinityScore(thread!, a!);
    expect(Number.isInteger(score) && score >= 0 && score < 2 ** 32).toBe(true);
    expect(affinityScore(thread!, fingerprintOf('a'))).toBe(score);
    expect(affinityScore(thread!, b!)).not.toBe(score);
    expect(affinityScore(other!, a!)).not.toBe(score);
  });
});
