import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  key = await gateway.key();
});
afterAll(() => gateway.stop());

const upgrade = [
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
];

/** One address of every surface, and what a client that names its host rightly is told there. */
const surfaces = [
  ['health', 'GET', '/healthz', [], 200],
  ['readiness', 'GET', '/readyz', [], 200],
  ['the native surface', 'GET', '/backend-api/codex/models', [], 200],
  ['the OpenAI surface', 'GET', '/v1/models', [], 200],
  ['the admin surface', 'POST', '/admin/api/pools.list', ['content-length: 0'], 401],
  ['an address that is not there', 'GET', '/nowhere', [], 404],
  ['a native websocket', 'GET', '/backend-api/codex/responses', upgrade, 101],
  ['a websocket of the OpenAI surface', 'GET', '/v1/responses', upgrade, 101],
  ['a websocket that is not there', 'GET', '/nowhere', upgrade, 404],
] as const;

describe.each(surfaces)('%s', (_name, method, path, lines, status) => {
  it('answers who names its host once', async () => {
    expect(await ask(`${method} ${path}`, ['host: localhost', ...lines])).toBe(status);
    expect(await ask(`${method} ${path}`, [`host: localhost.:${portOf(gateway.url)}`, ...lines])).toBe(status);
  });

  it('answers 400 where two lines name the host, whether they agree or not', async () => {
    expect(await ask(`${method} ${path}`, ['host: localhost', 'host: localhost', ...lines])).toBe(400);
    expect(await ask(`${method} ${path}`, ['host: localhost', ...lines, 'Host: evil.example'])).toBe(400);
    expect(await ask(`${method} ${path}`, ['host: evil.example', ...lines, 'Host: localhost'])).toBe(400);
  });

  it('answers 400 where no line names the host, or what one names is no host', async () => {
    expect(await ask(`${method} ${path}`, lines)).toBe(400);
    expect(await ask(`${method} ${path}`, ['host: user@localhost', ...lines])).toBe(400);
    expect(await ask(`${method} ${path}`, ['host: localhost, localhost', ...lines])).toBe(400);
  });

  it('goes by the host in the target where the target names one', async () => {
    const foreign = await ask(`${method} http://evil.example${path}`, ['host: localhost', ...lines]);
    expect([400, 403]).toContain(foreign);
    expect(await ask(`${method} http://localhost${path}`, ['host: evil.example', ...lines])).toBe(status);
    expect(await ask(`${method} HTTPS://LOCALHOST:4000${path}`, ['host: localhost', ...lines])).toBe(status);
  });

  it('answers 400 to a target that is none of its forms', async () => {
    for (const target of [`ftp://localhost${path}`, `http://user@localhost${path}`, `http://${path}`, `${path}#part`])
      expect(await ask(`${method} ${target}`, ['host: localhost', ...lines]), target).toBe(400);
  });
});

it('compares the origin of a page with the host in the target', async () => {
  const page = ['host: evil.example', 'origin: http://localhost:4000'];
  expect(await ask('GET http://localhost:4000/healthz', page)).toBe(200);
  expect(await ask('GET http://localhost:4001/healthz', page)).toBe(400);
});

it('opens no way to other hosts', async () => {
  expect(await ask('CONNECT evil.example:443', ['host: localhost'])).toBeNull();
  expect(await ask('OPTIONS *', ['host: localhost'])).toBe(404);
});

/** The status of the answer; null when the connection is closed instead. */
async function ask(line: string, headers: readonly string[]): Promise<number | null> {
  const socket = connect(portOf(gateway.url), '127.0.0.1');
  await once(socket, 'connect');
  const head = [`${line} HTTP/1.1`, ...headers, `authorization: Bearer ${key}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const [first] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown];
  socket.destroy();
  return Buffer.isBuffer(first) ? Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(first))?.[1]) : null;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
