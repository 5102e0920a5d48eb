/** What names a conversation, or something only one account can read, as the hash under which it is kept. */
import { hash } from 'node:crypto';
import type { AnchorKind } from '../../contract/vocabulary.ts';

/** A name that may lead to an account. */
export interface AnchorName {
  readonly kind: AnchorKind;
  /** SHA-256, base64. */
  readonly hash: string;
}

/** An anchor as it is stored. */
export interface StoredAnchor extends AnchorName {
  readonly accountId: string;
  readonly boundAt: Date;
  readonly expiresAt: Date;
}

const hourMs = 3_600_000;

/** How long an anchor holds after it was last bound; a thread's is a setting. */
export const anchorLifeMs = {
  /** A turn lasts minutes; its state is worthless afterwards. */
  turn_state: 24 * hourMs,
  response: 24 * hourMs,
  /** A conversation may be picked up again after weeks, and its compaction is lost without its maker. */
  compaction: 90 * 24 * hourMs,
  /** The provider forgets a file that nobody uses after a day or so (v1 spec 1.3). */
  file: 24 * hourMs,
  /** Asked for only when an account cannot open it, and dispensable then. */
  sealed: 7 * 24 * hourMs,
} as const satisfies Partial<Record<AnchorKind, number>>;

/**
 * A name that counts for one key only: another client cannot find, or steer, what is not its own.
 *
 * @example nameOfKey('response', { keyId, text: 'resp_1' })
 */
export function nameOfKey(kind: AnchorKind, { keyId, text }: { keyId: string; text: string }): AnchorName {
  return { kind, hash: fingerprintOf(`${kind}\n${keyId}\n${text}`) };
}

/** Encrypted content says by itself who made it: whoever holds it may be led to its maker, and nowhere else. */
export function nameOfContent(kind: 'compaction' | 'sealed', encryptedContent: string): AnchorName {
  return { kind, hash: fingerprintOf(encryptedContent) };
}

function fingerprintOf(text: string): string {
  return hash('sha256', text, 'base64');
}
