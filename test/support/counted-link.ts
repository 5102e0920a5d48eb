/** A connection to Postgres that counts the statements going through it, by the messages of its protocol. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface CountedLink {
  /** The given address, reached through the link. */
  readonly url: string;
  /** Statements so far: prepared ones each time they are executed, and plain queries. */
  readonly statements: number;
  stop(): Promise<void>;
}

/** Message types a client sends: Execute and Query. */
const executing = new Set([0x45, 0x51]);

/** @param target - The URL of the database; without TLS, as tests have it. */
export async function countedLink(target: string): Promise<CountedLink> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let statements = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const count = createMessageReader((type) => {
      if (executing.has(type)) statements += 1;
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => {
      count(chunk);
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => void near.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get statements() {
      return statements;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Tells the type of every whole message; the first of a connection has none. */
function createMessageReader(onMessage: (type: number) => void): (chunk: Buffer) => void {
  let waiting = Buffer.alloc(0);
  let isFirst = true;
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const typeBytes = isFirst ? 0 : 1;
      if (waiting.length < typeBytes + 4) return;
      const end = typeBytes + waiting.readUInt32BE(typeBytes);
      if (waiting.length < end) return;
      if (!isFirst) onMessage(waiting[0]!);
      isFirst = false;
      waiting = waiting.subarray(end);
    }
  };
}
