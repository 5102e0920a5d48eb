/**
 * The list of accounts, oldest first, turned until the one this conversation meets first stands in front (gateway spec
 * 4.2). Turning it to that account and not by a remainder of the list's length keeps the conversations of all others
 * where they are when an account comes or goes.
 */
import { affinityScore, fingerprintOf } from '../../lib/rendezvous.ts';
import type { Strategy } from './strategy.ts';

/** More than any instant in milliseconds, so whoever is older than the first account comes after the youngest. */
const onceRound = 2 ** 50;

export const deterministicRotation: Strategy = {
  keysFor(accounts, { seed }) {
    const fingerprint = fingerprintOf(seed);
    let highest = -1;
    let startMs = 0;
    for (const account of accounts) {
      const score = affinityScore(fingerprint, account.held.fingerprint);
      if (score < highest) continue;
      const createdMs = account.createdAt.getTime();
      // Two accounts may score the same; the older one is the first then, in whatever order they are listed.
      startMs = score === highest ? Math.min(startMs, createdMs) : createdMs;
      highest = score;
    }
    return ({ createdAt }) => {
      const createdMs = createdAt.getTime();
      return createdMs < startMs ? createdMs + onceRound : createdMs;
    };
  },
};
