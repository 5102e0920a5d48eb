/** Every test needs the whole server on a port; what answers without it has its own file beside each part of `server/http`. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepingLog } from '../../test/support/quiet-log.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { RefusedByProvider } from '../gateway/answer-exchange.ts';
import { judgeRefusal } from '../gateway/attempt/judge-response.ts';
import { ClientLeft } from '../gateway/running-exchanges.ts';
import { createByteBudget } from '../lib/byte-budget.ts';
import { createMovableClock, type MovableClock } from '../sandbox/movable-clock.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { createIngress } from './ingress.ts';
import { lastWordsMs } from './last-words.ts';
import { mountOperations } from './operations.ts';
import { readBody } from './read-body.ts';
import { createHttpServer } from './server.ts';

const native = '/backend-api/codex/responses';
const room = createByteBudget({ maxBytes: () => 2 ** 30 }).open('key');
const limits = { maxCompressedBytes: 10_000, maxBytes: 10_000, maxRatio: 200, pauseMs: 60_000 };

let server: Server;
let port: number;
let log: ReturnType<typeof keepingLog>;
/** What the route throws; answers 200 with the body's size when unset. */
let failure: unknown;
let isReady: boolean;
let clock: MovableClock;

beforeEach(async () => {
  clock = createMovableClock(systemClock);
  failure = undefined;
  isReady = true;
  log = keepingLog();
  server = createHttpServer({
    world: { clock, random: systemRandom, log },
    ingress: createIngress({ bindAddress: '127.0.0.1', publicHost: null }),
    mounts: [
      (router) =>
        mountOperations(router, {
          clock: systemClock,
          pingDatabase: () => (isReady ? Promise.resolve() : Promise.reject(new Error('away'))),
          isStopping: () => false,
          drainMarkerPath: null,
        }),
      (router) => {
        for (const path of [native, '/admin/api/:name'])
          router.post(path, async (ctx) => {
            ctx.state.route = path;
            if (ctx.get('authorization') !== 'Bearer good') throw new GatewayError('api_key_missing');
            const body = await readBody(ctx.req, { limits, clock: systemClock, room });
            if (failure !== undefined) throw failure;
            ctx.body = { bytes: body.length };
          });
      },
    ],
    upgrades: null,
    maxConnections: () => 100,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('an error on a native path', () => {
  it('speaks the language of the Codex client, with our request id', async () => {
    failure = new GatewayError('no_eligible_backend', { retryAfterMs: 1_200, detail: 'It has no accounts yet.' });
    const answer = await post(native);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({
      error: {
        message: 'No account of this Pool can serve this request right now. It has no accounts yet.',
        type: 'server_error',
        code: 'no_eligible_backend',
        param: null,
      },
    });
  });

  it('has the status that makes the client ask once, where asking again cannot help', async () => {
    failure = new GatewayError('model_not_allowed', { param: 'model' });
    const answer = await post(native);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'model_not_allowed', param: 'model' } });
  });

  it("may be the provider's own refusal, byte for byte, with the headers the client acts on", async () => {
    const body = Buffer.from('{ "detail" : "No tool output found for function call call_1." }');
    const headers = new Map([
      ['content-type', 'application/json; charset=utf-8'],
      ['retry-after', '3'],
      ['set-cookie', 'a=b'],
      ['server', 'cloudflare'],
    ]);
    failure = new RefusedByProvider(judgeRefusal({ status: 400, headers, body }, new Date()));
    const answer = await post(native);
    expect(answer.status).toBe(400);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(body);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('retry-after')).toBe('3');
    for (const name of ['set-cookie', 'server']) expect(answer.headers.get(name)).toBeNull();
  });

  it('says nothing of an error that nobody foresaw, and logs where it was, not what it said', async () => {
    failure = new TypeError('canary');
    const answer = await post(native);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('canary');
    const { facts } = await log.logged('internal_error');
    expect(facts).toMatchObject({ errorName: 'TypeError', requestId: answer.headers.get('x-request-id') });
    expect(JSON.stringify(log.events)).not.toContain('canary');
  });
});

describe('an error on an admin path', () => {
  it('names the field, and keeps its own status', async () => {
    failure = new GatewayError('invalid_request', { param: 'pool', detail: 'pool: too long.' });
    const answer = await post('/admin/api/pools.list');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: { code: 'invalid_request', message: 'The request is not valid. pool: too long.', field: 'pool' },
    });
    failure = new GatewayError('host_not_allowed');
    expect((await post('/admin/api/pools.list')).status).toBe(403);
  });
});

describe('an address', () => {
  it('that nobody knows is not found, in the words of the provider', async () => {
    const answer = await fetch(`http://localhost:${port}/nowhere`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ detail: 'Not Found' });
  });

  it('that answers another method says so', async () => {
    expect((await fetch(`http://localhost:${port}${native}`)).status).toBe(405);
  });

  it('is refused to foreign names, origins and paths, on every route', async () => {
    for (const path of [native, '/healthz', '/nowhere']) {
      expect(await raw(`GET ${path} HTTP/1.1\r\nhost: evil.example\r\n\r\n`)).toContain('host_not_allowed');
      expect(await raw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\norigin: null\r\n\r\n`)).toContain(
        'origin_not_allowed',
      );
      expect(await raw(`GET ${path}%2f HTTP/1.1\r\nhost: localhost\r\n\r\n`)).toContain('invalid_path');
    }
    expect(await raw('GET /healthz HTTP/1.0\r\n\r\n')).toContain('host_not_allowed');
  });

  it('offers no websocket where no clients are served', async () => {
    const answer = await raw(
      `GET ${native} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('{"detail":"Not Found"}');
  });

  it('ignores an offer of HTTP/2 and answers the request itself', async () => {
    const head = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings, close\r\n';
    expect(await raw(`${head}upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers nonsense with 400 and goes on', async () => {
    expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`http://localhost:${port}/healthz`)).status).toBe(200);
  });
});

describe('a connection whose client never ends its side', () => {
  const upgrade = `GET ${native} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`;

  it.each([
    ['that was refused a websocket', upgrade, /^HTTP\/1\.1 404 /],
    ['that sent nonsense', 'NONSENSE\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['that sent a head without end', `GET / HTTP/1.1\r\nx: ${'x'.repeat(70_000)}`, /^HTTP\/1\.1 400 /],
  ])('%s is ended a moment after its answer', async (_name, bytes, answer) => {
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    const socket = await dial({ allowHalfOpen: true });
    const [held] = await arrived;
    socket.write(bytes);
    expect(String((await once(socket, 'data'))[0])).toMatch(answer);
    socket.resume();
    await once(socket, 'end');
    expect(held.destroyed).toBe(false);
    const closed = once(held, 'close');
    clock.advance(lastWordsMs);
    await closed;
    socket.destroy();
  });
});

describe('a client that waits for "continue" before it sends its body', () => {
  const head = (authorization: string) =>
    `POST ${native} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n`;

  it('gets it when it is known', async () => {
    const socket = await dial();
    socket.write(head('Bearer good'));
    expect(String((await once(socket, 'data'))[0])).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('{}');
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });

  it('gets a refusal instead when it is not', async () => {
    const socket = await dial();
    socket.write(head('Bearer bad'));
    const answer = String((await once(socket, 'data'))[0]);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).not.toContain('100 Continue');
    socket.destroy();
  });
});

describe('a client whose body was refused', () => {
  it.each(['identity', 'gzip'])('goes on sending it, and is answered what it asks then (%s)', async (encoding) => {
    const noise = randomBytes(60_000);
    const body = encoding === 'gzip' ? gzipSync(noise) : noise;
    const socket = await dial();
    const head = `POST ${native} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n`;
    socket.write(`${head}content-encoding: ${encoding}\r\ntransfer-encoding: chunked\r\n\r\n`);
    for (let at = 0; at < body.length; at += 1_000) {
      const piece = body.subarray(at, at + 1_000);
      socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
    }
    socket.write('0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    let text = '';
    for await (const piece of socket) {
      text += String(piece);
      if (text.includes('HTTP/1.1 200 ')) break;
    }
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*too_large[^]*HTTP\/1\.1 200 /);
  });
});

describe('a client that leaves', () => {
  it('in the middle of its body is nobody’s error', async () => {
    const socket = await dial();
    socket.write(
      `POST ${native} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\ncontent-length: 5000\r\n\r\nabc`,
    );
    await untilReading();
    socket.destroy();
    expect(await log.logged('request')).toMatchObject({ facts: { route: native, status: 499 } });
    await nextTurn();
    expect(log.events.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  it('while it is served is nobody’s error either', async () => {
    failure = new ClientLeft();
    const socket = await dial();
    socket.write(
      `POST ${native} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\ncontent-length: 2\r\n\r\n{}`,
    );
    await untilReading();
    socket.destroy();
    await log.logged('request');
    expect(log.events.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  it.each(['EPIPE', 'ECONNRESET'])('in the midst of an answer is nobody’s error either (%s)', async (code) => {
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    const socket = await dial();
    const [held] = await arrived;
    socket.write(
      `POST ${native} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\ncontent-length: 5000\r\n\r\nabc`,
    );
    await untilReading();
    // What a write says of a connection that its client has left.
    held.destroy(Object.assign(new Error(`write ${code}`), { code }));
    await log.logged('request');
    await nextTurn();
    expect(log.events.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  /** Until the server has taken the request up. */
  async function untilReading(): Promise<void> {
    await once(server, 'request');
    await nextTurn();
  }
});

describe('the access log', () => {
  it('names the route, not the path, and nothing the client wrote', async () => {
    await fetch(`http://localhost:${port}/admin/api/canary?canary=1`, {
      method: 'POST',
      headers: { authorization: 'Bearer good', 'user-agent': 'canary text', 'x-canary': 'canary' },
      body: '{"canary":1}',
    });
    const { facts } = await log.logged('request');
    expect(facts).toMatchObject({ method: 'POST', route: '/admin/api/:name', status: 200, clientName: null });
    expect(JSON.stringify(log.events)).not.toContain('canary');
  });
});

describe('the operations', () => {
  it('say that the process is alive, and whether it may get work', async () => {
    const ask = async (path: string) => {
      const answer = await fetch(`http://localhost:${port}${path}`);
      return [answer.status, await answer.json()];
    };
    expect(await ask('/healthz')).toEqual([200, { status: 'ok' }]);
    expect(await ask('/readyz')).toEqual([200, { status: 'ready' }]);
    isReady = false;
    expect(await ask('/healthz')).toEqual([200, { status: 'ok' }]);
    expect(await ask('/readyz')).toEqual([503, { status: 'unavailable' }]);
  });
});

function post(path: string): Promise<Response> {
  return fetch(`http://localhost:${port}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer good' },
    body: '{}',
  });
}

/** The whole answer to these bytes, in however many pieces it comes. */
async function raw(request: string): Promise<string> {
  const socket = await dial();
  socket.write(request);
  let text = '';
  for await (const piece of socket) {
    text += String(piece);
    if (isWhole(text)) break;
  }
  return text;
}

function isWhole(text: string): boolean {
  const [head = '', body] = text.split('\r\n\r\n');
  return body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}

async function dial({ allowHalfOpen = false } = {}): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
