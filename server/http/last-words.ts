/** How a connection ends that nobody else watches: one that asked for a websocket, or sent what is no HTTP. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../world/world.ts';

/** How long the other side may take to read them. */
export const lastWordsMs = 1_000;

/**
 * Says the last words and ends the connection. The other side may keep its half open, and what it still sends is thrown
 * away: a close in the midst of that would take the words from it. But not for long, because the server knows nothing
 * of this connection any more and no other limit would end it.
 */
export function sayLastWords(connection: Duplex, { words, clock }: { words: string; clock: Clock }): void {
  const limit = clock.timer(lastWordsMs, () => connection.destroy());
  connection.once('close', () => limit.stop());
  connection.resume();
  connection.end(words);
}
