/**
 * Rendezvous hashing: every conversation meets the accounts in an order of its own, conversations spread evenly, and
 * an account that comes or goes moves only the conversations that were its own (gateway spec 4.1).
 */
import { hash } from 'node:crypto';
import type { Strategy } from './strategy.ts';

export const bridgeRing: Strategy = {
  order(accounts, { seed }) {
    const scored = accounts.map((account) => ({ account, score: hash('sha256', `${seed}:${account.id}`) }));
    scored.sort((a, b) => (a.score < b.score ? 1 : -1));
    return scored.map(({ account }) => account);
  },
};
