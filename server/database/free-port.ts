/** Chooses the private port of the embedded Postgres. */
import { createServer } from 'node:net';

/** `wanted` when nobody listens there on 127.0.0.1, otherwise a port the system says is free. */
export async function freePort(wanted?: number): Promise<number> {
  const kept = wanted === undefined ? undefined : await tryPort(wanted);
  const port = kept ?? (await tryPort(0));
  if (port === undefined) throw new Error('no port on 127.0.0.1 is free');
  return port;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(taken));
    });
  });
}
