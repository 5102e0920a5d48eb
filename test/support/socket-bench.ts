/**
 * What tests of clients' websockets stand on: a gateway with one account, keys with a socket each, and turns that run
 * for as long as the test wants.
 */
import { createHandMovedClock, oneInstallation, type Installation } from './one-installation.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';
import { openSocket, type Frame, type SocketClient, type SocketOptions } from './socket-client.ts';

export interface SocketBench {
  readonly installation: Installation;
  readonly gateway: GatewayUnderTest;
  readonly anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
  /** A new key's secret, with its name. */
  key(): Promise<{ readonly name: string; readonly secret: string }>;
  /** Opens a socket that `rest` ends. */
  open(key: string, options?: SocketOptions, target?: { url: string }): Promise<SocketClient>;
  /** A new key and a socket of its. */
  withKey(options?: SocketOptions): Promise<{
    readonly name: string;
    readonly secret: string;
    readonly client: SocketClient;
  }>;
  /** Begins a turn that goes on until `finishTurn`. */
  runTurn(client: SocketClient): Promise<void>;
  /** The last frame of that turn. */
  finishTurn(client: SocketClient): Promise<Frame | undefined>;
  /** Ends the sockets and forgets what the account was told to do: call it after each test. */
  rest(): void;
  stop(): Promise<void>;
}

export async function socketBench(): Promise<SocketBench> {
  const providerClock = createHandMovedClock();
  const installation = await oneInstallation({ sandboxClock: providerClock });
  const gateway = await installation.open();
  const anna = await gateway.link('anna', { percentPerAnswer: 0 });
  const opened: SocketClient[] = [];
  let named = 0;

  async function key() {
    const name = `key-${(named += 1)}`;
    return { name, secret: await gateway.key({ name }) };
  }

  async function open(secret: string, options?: SocketOptions, target: { url: string } = gateway) {
    const client = await openSocket(target, secret, options);
    opened.push(client);
    return client;
  }

  return {
    installation,
    gateway,
    anna,
    key,
    open,
    async withKey(options) {
      const made = await key();
      return { ...made, client: await open(made.secret, options) };
    },
    async runTurn(client) {
      anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
      client.turn();
      await client.until('response.output_item.added');
    },
    async finishTurn(client) {
      await providerClock.untilWaiting();
      providerClock.advance(1_000);
      return (await client.answer()).at(-1);
    },
    rest() {
      for (const client of opened.splice(0)) client.leave();
      anna.forgetScript();
    },
    stop: () => installation.stop(),
  };
}
