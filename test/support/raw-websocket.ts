/** A client's websocket made by hand: it sends whatever bytes a test wants, also those that no library would. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';

export interface RawFrame {
  /** 0 goes on, 1 is text, 2 binary, 8 a close, 9 a ping, 10 a pong (RFC 6455 §5.2). */
  readonly opcode: number;
  readonly payload?: Buffer | string;
  /** false when more of the message follows; true when absent. */
  readonly isLast?: boolean;
  /** The three reserved bits, as a number. */
  readonly reserved?: number;
  /** Clients must; true when absent. */
  readonly isMasked?: boolean;
}

export interface RawWebsocket {
  send(...frames: RawFrame[]): void;
  /** Sends bytes as they are, such as a piece of what `bytesOfFrame` gives. */
  write(bytes: Buffer): void;
  /** The next frame from the other side that is none of `passing`. Rejects when the connection ends first. */
  next(options?: { passing?: readonly number[] }): Promise<{ opcode: number; payload: Buffer }>;
  /** The code of the other side's close; 1005 when it names none, 1006 when there was no close. */
  readonly closed: Promise<number>;
  stopReading(): void;
  leave(): void;
}

export async function openRawWebsocket(target: { url: string }, key: string): Promise<RawWebsocket> {
  const asked = request(`${target.url}/backend-api/codex/responses`, {
    headers: {
      authorization: `Bearer ${key}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    },
  });
  asked.end();
  const [, socket, head] = (await once(asked, 'upgrade')) as [unknown, Socket, Buffer];
  return follow(socket, head);
}

function follow(socket: Socket, head: Buffer): RawWebsocket {
  const closed = Promise.withResolvers<number>();
  const received: { opcode: number; payload: Buffer }[] = [];
  let unread: Buffer = head;
  let wake = () => {};
  let isOver = false;

  function read(): void {
    for (let frame = firstFrame(unread); frame; frame = firstFrame(unread)) {
      unread = unread.subarray(frame.length);
      received.push(frame);
      if (frame.opcode === 8) closed.resolve(frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE());
    }
    wake();
  }

  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    read();
  });
  socket.on('close', () => {
    isOver = true;
    closed.resolve(1006);
    wake();
  });
  read();

  return {
    send: (...frames) => void socket.write(Buffer.concat(frames.map(bytesOfFrame))),
    write: (bytes) => void socket.write(bytes),
    async next({ passing = [] } = {}) {
      for (;;) {
        const frame = received.shift();
        if (frame && !passing.includes(frame.opcode)) return frame;
        if (frame) continue;
        if (isOver) throw new Error('the connection has ended');
        await new Promise<void>((resolve) => void (wake = resolve));
      }
    },
    closed: closed.promise,
    stopReading: () => void socket.pause(),
    leave: () => socket.destroy(),
  };
}

export function bytesOfFrame({ opcode, payload = '', isLast = true, reserved = 0, isMasked = true }: RawFrame): Buffer {
  const content = Buffer.from(payload);
  const { length } = content;
  const size = length < 126 ? Buffer.from([length]) : Buffer.alloc(length < 65_536 ? 3 : 9);
  if (size.length === 3) size.writeUInt16BE(length, size.writeUInt8(126));
  if (size.length === 9) size.writeBigUInt64BE(BigInt(length), size.writeUInt8(127));
  if (isMasked) size[0]! |= 0x80;
  const start = Buffer.from([(isLast ? 0x80 : 0) | (reserved << 4) | opcode]);
  // A mask of zeros changes nothing.
  return Buffer.concat([start, size, Buffer.alloc(isMasked ? 4 : 0), content]);
}

/** The first whole frame of what the other side sent, which masks nothing; null when it is not all there. */
function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | null {
  const short = bytes.length < 2 ? 0 : bytes[1]! & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return null;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const length = start + size;
  if (bytes.length < length) return null;
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(start, length), length };
}
