/**
 * Rendezvous hashing: every seed meets the accounts in an order of its own, seeds spread evenly, and an account that
 * comes or goes moves only the seeds that were its own (gateway spec 4.1).
 */
import { hash } from 'node:crypto';
import type { AccountFacts } from '../accounts/account.ts';

/** 64 bits of a SHA-256, as two signed 32-bit numbers. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

/** @param text - what names a conversation; equal texts meet equal orders, also after a restart */
export function fingerprintOf(text: string): Fingerprint {
  const digest = hash('sha256', text, 'buffer');
  return { high: digest.readInt32LE(0), low: digest.readInt32LE(4) };
}

/** SHA-256 costs about a microsecond, and a Pool may have a thousand accounts: each is hashed once in its life. */
const known = new WeakMap<AccountFacts, Fingerprint>();

/**
 * How much this seed and this account like each other: 0 to 2³² − 1, the highest meets first. Two accounts may score
 * the same; whoever sorts decides between them by id.
 */
export function affinityScore(seed: Fingerprint, account: AccountFacts): number {
  let own = known.get(account);
  if (own === undefined) known.set(account, (own = fingerprintOf(account.id)));
  return scramble(scramble(seed.low ^ own.low) ^ seed.high ^ own.high) >>> 0;
}

/** The finaliser of MurmurHash3 (public domain): every bit of the input moves half of the bits of the result. */
function scramble(bits: number): number {
  const first = Math.imul(bits ^ (bits >>> 16), 0x85_eb_ca_6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2_b2_ae_35);
  return second ^ (second >>> 16);
}
