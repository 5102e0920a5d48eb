/** The websocket of a client that reads slowly, made by hand. */

/** A socket whose reader takes what it is sent only when told to. */
export function slowSocket() {
  const frames: Buffer[] = [];
  let waiting: { bytes: number; resolve: () => void }[] = [];
  const take = () => {
    for (const { resolve } of waiting.splice(0)) resolve();
  };
  const socket = {
    isTerminated: false,
    send(frame: Buffer): Promise<void> {
      frames.push(frame);
      if (socket.isTerminated) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ bytes: frame.length, resolve }));
    },
    get bufferedBytes() {
      return waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    },
    receivedBytes: 0,
    ping: () => undefined,
    close: () => undefined,
    terminate() {
      socket.isTerminated = true;
      take();
      waiting = [];
    },
  };
  const types = () => frames.map((frame) => (JSON.parse(frame.toString('utf8')) as { type: string }).type);
  return { socket, take, frames, types };
}
