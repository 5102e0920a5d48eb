/**
 * The memory that one websocket of a client takes: of the message that is arriving, of the turns that wait, and of the one
 * that is served. A socket at rest takes none.
 */
import { noRoom, type BodyRoom } from '../admission/body-room.ts';

export interface SocketRoom {
  /** So many bytes more came over the wire. False where there is no room for them. */
  arrived(bytes: number): boolean;
  /** So many of those were of no message, and are gone. */
  passed(bytes: number): void;
  /** The message is whole, with so many bytes unpacked. False where there is no room for it. */
  takes(bytes: number): boolean;
  /** So many bytes wait in the line. */
  waits(bytes: number): void;
  /** A turn of so many bytes is served; 0 for none. */
  serves(bytes: number): void;
  /** The turn that is served takes so many at least. @throws {GatewayError} where there is no room */
  hold(bytes: number): void;
  /** The socket is gone. What is still served counts until it ends. */
  leave(): void;
}

export function createSocketRoom(room: BodyRoom): SocketRoom {
  let arriving = 0;
  let waiting = 0;
  let served = 0;
  const settle = () => room.hold(arriving + waiting + served);

  return {
    arrived(bytes) {
      const hasRoom = room.hold(room.bytes + bytes);
      if (hasRoom) arriving += bytes;
      return hasRoom;
    },
    passed(bytes) {
      arriving = Math.max(0, arriving - bytes);
      settle();
    },
    takes(bytes) {
      // What follows it in the same piece of the wire, some kilobytes, is counted with it and forgotten with it.
      arriving = 0;
      const hasRoom = room.hold(waiting + served + bytes);
      if (!hasRoom) settle();
      return hasRoom;
    },
    waits(bytes) {
      waiting = bytes;
      settle();
    },
    serves(bytes) {
      served = bytes;
      settle();
    },
    hold(bytes) {
      const more = Math.max(served, bytes);
      if (!room.hold(arriving + waiting + more)) throw noRoom();
      served = more;
    },
    leave() {
      arriving = 0;
      waiting = 0;
      settle();
    },
  };
}

/** Why a message is not taken. No stream is named: what it says was not looked at. */
export function refusalForRoom() {
  const { code, detail, retryAfterMs } = noRoom();
  return { code, detail, retryAfterMs, streamId: null };
}
