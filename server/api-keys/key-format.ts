/**
 * The form of a Pool API key: `sk-cxp-<12 hex>-<43 base64url>` (product spec 5.3). The part through the hex is the
 * prefix, shown everywhere; the rest is 32 random bytes, kept only as a SHA-256.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../world/world.ts';

export const keyScheme = 'sk-cxp';

export interface NewKey {
  /** The whole key, to be shown once. */
  readonly secret: string;
  readonly prefix: string;
  readonly secretSha256: Buffer;
}

/** Makes a key. Only `prefix` and `secretSha256` may be stored. */
export function makeKey(random: Random): NewKey {
  const prefix = `${keyScheme}-${random.bytes(6).toString('hex')}`;
  const ending = random.bytes(32).toString('base64url');
  return { secret: `${prefix}-${ending}`, prefix, secretSha256: sha256(ending) };
}

const form = /^(sk-cxp-[0-9a-f]{12})-([A-Za-z0-9_-]{43})$/;

/** The prefix and the hash of what was presented, or null when it has not the form of a key. */
export function readKey(text: string): { prefix: string; secretSha256: Buffer } | null {
  const match = form.exec(text);
  return match?.[1] && match[2] ? { prefix: match[1], secretSha256: sha256(match[2]) } : null;
}

/** Compares hashes in constant time. */
export function isSameSecret(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
