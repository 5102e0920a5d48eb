/**
 * Looks for a short mark in megabytes of text. Node searches for up to seven bytes some twenty times faster than for
 * more (measured: 3 µs against 80 µs in 200 kB), so a piece of the mark is looked for, and the rest compared where it
 * stands.
 */

/** Where the mark begins at or after `from`, or −1. */
export type FindMark = (bytes: Buffer, from?: number) => number;

/**
 * @param mark - What is looked for.
 * @param piece - A part of it, of at most seven bytes, that is rare and begins with a rare letter.
 *
 * @example const findImage = createMark('"input_image"', '_image"'); findImage(body) // -1 in most bodies
 */
export function createMark(mark: string, piece: string): FindMark {
  const whole = Buffer.from(mark);
  const part = Buffer.from(piece);
  const offset = whole.indexOf(part);
  if (offset < 0) throw new TypeError(`"${piece}" is no part of "${mark}"`);
  return (bytes, from = 0) => {
    for (let at = bytes.indexOf(part, from + offset); at >= 0; at = bytes.indexOf(part, at + 1)) {
      if (standsAt(bytes, { mark: whole, start: at - offset })) return at - offset;
    }
    return -1;
  };
}

/** By hand: the piece is found thousands of times in some bodies, and a view into them costs more than this loop. */
function standsAt(bytes: Buffer, { mark, start }: { mark: Buffer; start: number }): boolean {
  for (let index = 0; index < mark.length; index += 1) if (bytes[start + index] !== mark[index]) return false;
  return true;
}
