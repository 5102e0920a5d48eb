/** A length of time as records keep it: whole milliseconds in a column of 32 bits. */

const longestMs = 2 ** 31 - 1;

/** A machine that slept for a month, or whose clock was set back, must not keep a record from being written. */
export function storedMs(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), longestMs);
}
