/** Names that repeat from run to run: counted ids and UUIDs derived from words. */
import { createHash } from 'node:crypto';
import type { Random } from '../world/world.ts';

export interface Ids {
  /** The next id of a kind: `resp_sandbox_1`, `resp_sandbox_2`, … */
  next(prefix: string): string;
  reset(): void;
}

/** Counts per prefix, so a test can tell which answer an id belongs to. */
export function createIds(): Ids {
  const counts = new Map<string, number>();
  return {
    next(prefix) {
      const count = (counts.get(prefix) ?? 0) + 1;
      counts.set(prefix, count);
      return `${prefix}_sandbox_${count}`;
    },
    reset: () => counts.clear(),
  };
}

/** The same UUID (version 4 form) for the same words, always. */
export function uuidFrom(words: string): string {
  const hex = hexFrom(words, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

/** `length` hexadecimal digits that depend on nothing but the words. */
export function hexFrom(words: string, length: number): string {
  return createHash('sha256').update(words).digest('hex').slice(0, length);
}

/** A random source that repeats itself: hash of a seed and a counter. For tests and demos, never for secrets. */
export function createSeededRandom(seed: string): Random {
  let counter = 0;
  const block = () => createHash('sha256').update(`${seed}:${counter++}`).digest();
  return {
    bytes(count) {
      const blocks: Buffer[] = [];
      for (let length = 0; length < count; length += 32) blocks.push(block());
      return Buffer.concat(blocks).subarray(0, count);
    },
    id: () => uuidFrom(block().toString('hex')),
    fraction: () => block().readUInt32BE() / 2 ** 32,
  };
}
