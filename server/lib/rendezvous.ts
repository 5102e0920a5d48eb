/**
 * Rendezvous hashing: every seed meets those it may go to in an order of its own, seeds spread evenly, and one that
 * comes or goes moves only the seeds that were its own.
 */
import { hash } from 'node:crypto';

/** 64 bits of a SHA-256, as two signed 32-bit numbers. Making one costs about a microsecond: keep it. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

/** @param text - a seed, or the id of who may be met; equal texts meet equal orders, also after a restart */
export function fingerprintOf(text: string): Fingerprint {
  const digest = hash('sha256', text, 'buffer');
  return { high: digest.readInt32LE(0), low: digest.readInt32LE(4) };
}

/**
 * How much a seed and somebody like each other: 0 to 2³² − 1, the highest meets first. Two may score the same; whoever
 * sorts decides between them, by id for instance.
 */
export function affinityScore(seed: Fingerprint, somebody: Fingerprint): number {
  return scramble(scramble(seed.low ^ somebody.low) ^ seed.high ^ somebody.high) >>> 0;
}

/** The finaliser of MurmurHash3 (public domain): every bit of the input moves half of the bits of the result. */
function scramble(bits: number): number {
  const first = Math.imul(bits ^ (bits >>> 16), 0x85_eb_ca_6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2_b2_ae_35);
  return second ^ (second >>> 16);
}
