/** A port that can be left and taken again. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Below the ports that systems give away by themselves, be it to who listens on any or to who calls somebody. */
const lowest = 20_000;
const count = 10_000;

/**
 * A port of 127.0.0.1 that is free and stays so: whoever closes it and opens it again finds nobody there, however many
 * connections others open meanwhile.
 */
export async function quietPort(): Promise<number> {
  for (;;) {
    const server = createServer();
    try {
      server.listen({ port: lowest + Math.floor(Math.random() * count), host: '127.0.0.1', exclusive: true });
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch {
      // Somebody else has this one.
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
