/** Whose websocket to the provider a turn may use. Pure. */
import type { Ask } from '../exchange.ts';
import { nameOfKey } from '../continuity/anchor.ts';

/**
 * A conversation of one key, wherever its client connects from next, so that one that comes back finds its socket; a
 * turn that names no conversation has those of its own connection.
 *
 * @param options.connection - Names the client's connection, and no other.
 */
export function socketOwnerOf({
  keyId,
  threadAnchors,
  connection,
}: Pick<Ask, 'threadAnchors'> & { keyId: string; connection: string }): string {
  const [thread] = threadAnchors;
  const text = thread === undefined ? `connection\n${connection}` : `thread\n${thread}`;
  return nameOfKey('thread', { keyId, text }).hash;
}
