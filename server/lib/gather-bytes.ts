/** Collects what arrives in pieces, however small they are. */

/**
 * A piece costs hundreds of bytes whatever its length, and a sender decides how it cuts: a body sent byte by byte would
 * take far more memory than its limit allows. So many pieces become one.
 */
export const maxLoosePieces = 1_024;

export interface ByteGathering {
  add(piece: Buffer): void;
  readonly bytes: number;
  /** How many buffers hold them. */
  readonly pieces: number;
  /** Everything so far, in its order. */
  whole(): Buffer;
}

/** @example gathering.add(Buffer.from('a')); gathering.add(Buffer.from('b')); gathering.whole() // 'ab' */
export function createByteGathering(): ByteGathering {
  const joined: Buffer[] = [];
  let loose: Buffer[] = [];
  let bytes = 0;

  return {
    add(piece) {
      bytes += piece.length;
      loose.push(piece);
      if (loose.length < maxLoosePieces) return;
      joined.push(Buffer.concat(loose));
      loose = [];
    },
    get bytes() {
      return bytes;
    },
    get pieces() {
      return joined.length + loose.length;
    },
    whole() {
      const [only, ...others] = [...joined, ...loose];
      return only && others.length === 0 ? only : Buffer.concat([...joined, ...loose], bytes);
    },
  };
}
