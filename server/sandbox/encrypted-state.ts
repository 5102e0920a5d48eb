/**
 * State the provider hands out and takes back: encrypted reasoning and compaction items bound to account and item id,
 * and turn state tokens (wire spec B17, D1).
 */
import type { Random } from '../world/world.ts';

const prefix = 'gAAAA';

/** `gAAAA` and base64 of account id, item id and a nonce: opaque to clients, checkable here. */
export function encryptState(owner: { accountId: string; itemId: string }, random: Random): string {
  const nonce = random.bytes(12).toString('hex');
  return prefix + Buffer.from(`${owner.accountId}|${owner.itemId}|${nonce}`).toString('base64');
}

/**
 * Why an item's encrypted content may not be used by this account, or undefined when it may. Items without an id come
 * from CLIs up to 0.142 (wire spec A4.4): then only the owner is compared.
 */
export function refuseState(
  content: string,
  expected: { accountId: string; itemId: string | undefined },
): string | undefined {
  if (!content.startsWith(prefix)) return 'not encrypted by this provider';
  const [accountId, itemId, nonce] = Buffer.from(content.slice(prefix.length), 'base64').toString('utf8').split('|');
  if (!accountId || !itemId || !nonce) return 'not encrypted by this provider';
  if (accountId !== expected.accountId) return 'encrypted for another organization';
  if (expected.itemId !== undefined && itemId !== expected.itemId) return 'item id does not match';
  return undefined;
}

/** A turn state token that names its account, so that a foreign one is recognised. */
export function writeTurnState(account: string, turn: number): string {
  return `ts.${Buffer.from(account).toString('base64url')}.${turn}`;
}

/** The account a turn state was made for; undefined when the token was not made here. */
export function readTurnState(token: string): string | undefined {
  const [mark, account] = token.split('.');
  return mark === 'ts' && account ? Buffer.from(account, 'base64url').toString('utf8') : undefined;
}
