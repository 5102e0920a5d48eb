/** The body of one turn: blocks as they arrive, joined where the reader is slower, and a door that closes when full. */
import { readAheadBytes } from '../world/read-chunks.ts';
import type { NetworkFault } from '../world/world.ts';

export interface TurnBody {
  readonly chunks: AsyncIterableIterator<Buffer>;
  push(block: Buffer): void;
  /** What was pushed is still read, then the body ends. */
  end(): void;
  /** What was pushed is still read, then reading throws. */
  fail(fault: NetworkFault): void;
  /** Nothing more is read. */
  drop(fault: NetworkFault): void;
}

/** @param options.onFull - Told when the reader is behind, and `onRoom` when it has caught up. */
export function createTurnBody({ onFull, onRoom }: { onFull: () => void; onRoom: () => void }): TurnBody {
  let blocks: Buffer[] = [];
  let bytes = 0;
  let end: { readonly fault: NetworkFault | null } | null = null;
  let wake: (() => void) | null = null;

  const notify = () => {
    wake?.();
    wake = null;
  };

  function take(): Buffer {
    const chunk = blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks, bytes);
    const wasFull = bytes >= readAheadBytes;
    blocks = [];
    bytes = 0;
    if (wasFull && !end) onRoom();
    return chunk;
  }

  async function next(): Promise<IteratorResult<Buffer>> {
    for (;;) {
      if (bytes > 0) return { done: false, value: take() };
      if (end?.fault) throw end.fault;
      if (end) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  function finish(fault: NetworkFault | null): void {
    end ??= { fault };
    notify();
  }

  return {
    chunks: {
      next,
      [Symbol.asyncIterator]() {
        return this;
      },
    },
    push(block) {
      if (end) return;
      const wasFull = bytes >= readAheadBytes;
      blocks.push(block);
      bytes += block.length;
      if (!wasFull && bytes >= readAheadBytes) onFull();
      notify();
    },
    end: () => finish(null),
    fail: finish,
    drop(fault) {
      blocks = [];
      bytes = 0;
      finish(fault);
    },
  };
}
