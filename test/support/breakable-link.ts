/**
 * A TCP connection that can be cut, mended and stalled: what stands behind it goes away and comes back, or is silent,
 * without noticing.
 */
import { connect, createServer, type Socket } from 'node:net';
import { quietPort } from './quiet-port.ts';

export interface BreakableLink {
  /** The given address, reached through the link. */
  readonly url: string;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  /** New connections go through again, on the same port. */
  mend(): Promise<void>;
  /** Nothing comes through any more, and nobody is told. Resolves with the first bytes that are held back. */
  stall(): Promise<void>;
  /** Everything held back comes through, in its order. */
  resume(): void;
  /** Resolves when the side that connected says something next. */
  nextWord(): Promise<void>;
  stop(): Promise<void>;
}

/** @param target - The URL of what is to be reached; host and port are replaced. */
export async function breakableLink(target: string): Promise<BreakableLink> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let stalled: { readonly held: (() => void)[]; readonly noticed: () => void } | null = null;
  /** Passes on what happens to a socket, now or when the link goes on. */
  const inTurn = (pass: () => void) => {
    if (!stalled) return pass();
    stalled.held.push(pass);
    stalled.noticed();
  };
  const listening: (() => void)[] = [];
  const server = createServer((near) => {
    near.on('data', () => {
      for (const tell of listening.splice(0)) tell();
    });
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => inTurn(() => void other.write(chunk)));
      socket.once('close', () => {
        open.delete(socket);
        inTurn(() => void other.destroy());
      });
    }
  });
  const listen = (at: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, '127.0.0.1', resolve);
    });
  const ownPort = await quietPort();
  await listen(ownPort);
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(ownPort);
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.resetAndDestroy();
    });
  return {
    url: url.href,
    cut,
    mend: () => listen(ownPort),
    stall: () => new Promise((noticed) => (stalled = { held: [], noticed })),
    resume() {
      const held = stalled?.held ?? [];
      stalled = null;
      for (const pass of held) pass();
    },
    nextWord: () => new Promise((resolve) => listening.push(resolve)),
    stop: () => (server.listening ? cut() : Promise.resolve()),
  };
}
