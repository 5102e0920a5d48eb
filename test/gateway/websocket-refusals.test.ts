/** Turns over a client's websocket that the only account refuses. Each case spoils its account, so each has its own. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { openSocket, type SocketClient } from '../support/socket-client.ts';

let gateway: GatewayUnderTest;
let ben: Awaited<ReturnType<GatewayUnderTest['link']>>;
let client: SocketClient;

beforeEach(async () => {
  gateway = await gatewayUnderTest();
  ben = await gateway.link('ben', { percentPerAnswer: 0 });
  client = await openSocket(gateway, await gateway.key());
});
afterEach(async () => {
  client.leave();
  await gateway.stop();
});

describe('a failure', () => {
  it.each([
    [
      'uses up its limit',
      { behaviour: 'F3', kind: 'usage_limit_reached', resetsInSeconds: 600 },
      429,
      'usage_limit_reached',
    ],
    [
      'finds the context too long',
      { behaviour: 'F5', kind: 'context_length_exceeded' },
      400,
      'context_length_exceeded',
    ],
    ['is overloaded', { behaviour: 'F4', kind: 'server_is_overloaded' }, 503, 'server_is_overloaded'],
    ['asks to slow down', { behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 2 }, 503, 'rate_limit_exceeded'],
  ] as const)('of the only account, which %s, is a frame with its status', async (_name, answer, status, code) => {
    ben.always(answer);
    client.turn();
    const end = (await client.answer()).at(-1);
    expect(end).toMatchObject({ type: 'error', status });
    expect(JSON.stringify(end?.['error'])).toContain(code);
  });
});
