import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
});
afterAll(() => gateway.stop());

const upgrade = ['connection: upgrade', 'upgrade: websocket'];
/** As much as a head may hold. */
const long = 60_000;

it.each([
  ['of slashes', '/'.repeat(long)],
  ['of slashes with something at the end', `${'/'.repeat(long)}x`],
  ['of slashes below /v1', `/v1${'/'.repeat(long)}x`],
  ['of encoded slashes', '/%2f'.repeat(long / 4)],
  ['of dots', `/${'./'.repeat(long / 2)}x`],
  ['of segments', '/a'.repeat(long / 2)],
  ['of a query', `/healthz?${'a&'.repeat(long / 2)}`],
])('a path %s is refused, and holds nobody up', async (_name, path) => {
  for (const lines of [[], upgrade]) {
    const startedMs = performance.now();
    expect([400, 414]).toContain(await ask(`GET ${path}`, ['host: localhost', ...lines]));
    // An expression that looks through it again and again takes many seconds.
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  }
});

it('a line among too many for all to be read is not left out: the request is refused', async () => {
  const filling = Array.from({ length: 200 }, (_each, index) => `x-${index}: y`);
  for (const lines of [[], upgrade]) {
    expect([400, 431]).toContain(
      await ask('GET /healthz', ['host: localhost', ...lines, ...filling, 'origin: https://evil.example']),
    );
  }
});

/** The status of the answer. */
async function ask(line: string, headers: readonly string[]): Promise<number> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${[`${line} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(first))?.[1]);
}
