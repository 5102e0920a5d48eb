/** A gateway of its own with one account, which a test may spoil, and a client's websocket to it. */
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { gatewayUnderTest, type GatewayUnderTest } from './gateway-under-test.ts';
import { openSocket, type Frame, type SocketClient } from './socket-client.ts';

export interface OwnSocket {
  readonly gateway: GatewayUnderTest;
  readonly account: SandboxAccount;
  readonly key: string;
  readonly client: SocketClient;
  stop(): Promise<void>;
}

/** @param name - Of the account. */
export async function ownSocket(name: string): Promise<OwnSocket> {
  const gateway = await gatewayUnderTest();
  const account = await gateway.link(name, { percentPerAnswer: 0 });
  const key = await gateway.key();
  const client = await openSocket(gateway, key);
  return {
    gateway,
    account,
    key,
    client,
    async stop() {
      client.leave();
      await gateway.stop();
    },
  };
}

/** One whole turn of a conversation that the handshake's headers name. */
export async function turnOn(client: SocketClient, extra: Record<string, unknown> = {}): Promise<Frame[]> {
  client.turn({ extra: { client_metadata: {}, prompt_cache_key: undefined, ...extra } });
  return client.answer();
}

/** The id of the answer that ends in the last of these frames. */
export const idIn = (frames: readonly Frame[]) => (frames.at(-1) as { response: { id: string } }).response.id;

export const frameTypes = (frames: readonly Frame[]) => frames.map(({ type }) => type);
