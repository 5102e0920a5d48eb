/**
 * Tells a message that is long in coming from silence. A message arrives in one piece, so on a slow line whatever else
 * the other side says, pongs above all, waits behind it.
 */

export interface MessageWatch {
  /** A whole message came, of any kind. */
  arrived(): void;
  /** Bytes came since this was asked last, and no whole message. */
  isUnderWay(): boolean;
}

/** @param options.receivedBytes - All bytes that the connection has brought so far. */
export function createMessageWatch({ receivedBytes }: { receivedBytes: () => number }): MessageWatch {
  let seenBytes = receivedBytes();
  let hasArrived = false;
  return {
    arrived: () => void (hasArrived = true),
    isUnderWay() {
      const bytes = receivedBytes();
      const isUnderWay = bytes > seenBytes && !hasArrived;
      seenBytes = bytes;
      hasArrived = false;
      return isUnderWay;
    },
  };
}
