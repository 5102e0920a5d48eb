/** Opens the listening port, or says in plain words why it cannot be had. */
import { isIPv6, type Server } from 'node:net';
import { StartProblem, systemCodeOf } from '../data-folder/start-problem.ts';
import { findPortHolder } from './port-holder.ts';

export interface ListenAddress {
  readonly host: string;
  /** The port in use; differs from the one asked for when that was 0. */
  readonly port: number;
  /** How a browser on this machine reaches it. */
  readonly url: string;
}

/**
 * Starts listening. Later errors of the server are the caller's again.
 *
 * @param options.port 0 for any free one.
 * @throws StartProblem `port_taken` naming the holder where the system tells, `port_forbidden`, `address_unavailable`.
 */
export async function listen(server: Server, options: { port: number; host: string }): Promise<ListenAddress> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: options.port, host: options.host }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw (await listenProblem(error, options)) ?? error;
  }
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('a listening server has no port');
  return { host: address.address, port: address.port, url: `http://${urlHost(address.address)}:${address.port}` };
}

/** An address that means "every interface" is reached as localhost. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '127.0.0.1') return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}

async function listenProblem(
  error: unknown,
  options: { port: number; host: string },
): Promise<StartProblem | undefined> {
  const { port, host } = options;
  switch (systemCodeOf(error)) {
    case 'EADDRINUSE': {
      const holder = await findPortHolder(port);
      const who = holder ? `${holder.program} (process ${holder.pid})` : 'another program';
      return new StartProblem('port_taken', {
        sentence: `Port ${port} is already used by ${who}. Stop it, or choose another port by setting PORT, for example PORT=${freeNeighbour(port)}.`,
        cause: error,
      });
    }
    case 'EACCES':
      return new StartProblem('port_forbidden', {
        sentence: `The system does not let this user open port ${port}. Choose a port above 1023, for example PORT=4000.`,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new StartProblem('address_unavailable', {
        sentence: `${host} is not an address of this machine. Set CODEX_POOLER_BIND_ADDRESS to one that is, such as 127.0.0.1 or 0.0.0.0.`,
        cause: error,
      });
    default:
      return undefined;
  }
}

function freeNeighbour(port: number): number {
  return port < 65_535 ? port + 1 : 4000;
}
