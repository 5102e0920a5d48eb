/**
 * How many connections may be open. Whoever opens many and says nothing takes the files and memory of everybody else, and
 * costs nothing to refuse: when there are too many, the one that has been unused longest goes. One on which a request is
 * answered, or that became a websocket, is in use; those are bounded by keys, seats and their own limits.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** @param options.most - May change; it holds for whoever comes next. */
export function boundConnections(server: Server, { most }: { most: () => number }): void {
  const open = new Set<Socket>();
  /** The one unused longest first. */
  const unused = new Set<Socket>();
  /** Requests that are not answered yet, where there are any: they may be sent one after the other without waiting. */
  const asked = new WeakMap<Socket, number>();

  server.on('connection', (socket: Socket) => {
    open.add(socket);
    unused.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      unused.delete(socket);
    });
    // When all others are in use, this is the newcomer itself.
    if (open.size > most()) for (const longest of unused) return void longest.destroy();
  });
  server.on('upgrade', ({ socket }) => void unused.delete(socket));
  for (const event of ['request', 'checkContinue'] as const) {
    server.on(event, ({ socket }, response) => {
      asked.set(socket, (asked.get(socket) ?? 0) + 1);
      unused.delete(socket);
      response.once('close', () => {
        const left = (asked.get(socket) ?? 1) - 1;
        asked.set(socket, left);
        if (left === 0 && !socket.destroyed) unused.add(socket);
      });
    });
  }
}
