/**
 * A number of bytes that many share: each takes as it goes and gives everything back. Nobody may hold more than three
 * quarters of what the others leave, neither an owner among owners nor one holding among those of its owner. So there is
 * always room for somebody new, the more the less they ask: the large stop before the small do, and an owner with a
 * thousand holdings does not keep out one with a single one.
 */

export interface ByteBudget {
  open(owner: string): Holding;
  /** Of all holdings together. */
  readonly heldBytes: number;
  /** The most that one holding may ever have. */
  readonly largestBytes: number;
}

export interface Holding {
  readonly bytes: number;
  /** The most that one holding may ever have. */
  readonly largestBytes: number;
  /** Whether it may hold so many, all in all. */
  mayHold(bytes: number): boolean;
  /** Holds so many from now on, all in all. False, and nothing changed, where there is no room; less always goes. */
  hold(bytes: number): boolean;
  /** Gives everything back and takes nothing any more. Idempotent. */
  leave(): void;
}

const part = 3 / 4;

/** @param options.maxBytes - May change; who holds too much then keeps it, and gets no more. */
export function createByteBudget({ maxBytes }: { maxBytes: () => number }): ByteBudget {
  const byOwner = new Map<string, number>();
  let held = 0;

  function change(owner: string, bytes: number): void {
    held += bytes;
    const left = (byOwner.get(owner) ?? 0) + bytes;
    if (left > 0) byOwner.set(owner, left);
    else byOwner.delete(owner);
  }

  const largestBytes = () => Math.floor(part * part * maxBytes());

  function open(owner: string): Holding {
    let own = 0;
    let hasLeft = false;

    function mayHold(bytes: number): boolean {
      if (bytes <= own) return true;
      const ofOwner = byOwner.get(owner) ?? 0;
      const shareOfOwner = part * (maxBytes() - (held - ofOwner));
      return !hasLeft && bytes <= part * (shareOfOwner - (ofOwner - own));
    }

    return {
      get bytes() {
        return own;
      },
      get largestBytes() {
        return largestBytes();
      },
      mayHold,
      hold(bytes) {
        if (!mayHold(bytes)) return false;
        if (hasLeft) return true;
        change(owner, bytes - own);
        own = bytes;
        return true;
      },
      leave() {
        hasLeft = true;
        change(owner, -own);
        own = 0;
      },
    };
  }

  return {
    open,
    get heldBytes() {
      return held;
    },
    get largestBytes() {
      return largestBytes();
    },
  };
}
