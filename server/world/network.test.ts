import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quietPort } from '../../test/support/quiet-port.ts';
import { createNetwork } from './network.ts';
import { NetworkFault, type HttpAnswer, type HttpCall } from './world.ts';

let network: ReturnType<typeof createNetwork>;
let server: Server;
let url: string;
let handle: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  network = createNetwork();
  server = createServer((request, response) => handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
});
afterEach(async () => {
  await network.stop();
  server.closeAllConnections();
  server.close();
});

describe('a call', () => {
  it('sends headers as given and in order, and the body as it is', async () => {
    let seen: readonly string[] = [];
    let body = '';
    handle = (request, response) => {
      seen = request.rawHeaders;
      request.on('data', (piece: Buffer) => (body += String(piece)));
      request.on('end', () => response.end());
    };
    const headers = [
      ['x-b', '1'],
      ['x-a', '2'],
      ['session_id', '3'],
    ] as const;
    await wholeOf(await call({ headers, body: Buffer.from('{ "a" : 1.0 }') }));
    expect(body).toBe('{ "a" : 1.0 }');
    const names = seen.filter((_each, index) => index % 2 === 0);
    expect(names.filter((name) => /^x-|session/.test(name))).toEqual(['x-b', 'x-a', 'session_id']);
    expect(names.map((name) => name.toLowerCase())).not.toContain('accept-encoding');
    expect(names.map((name) => name.toLowerCase())).not.toContain('user-agent');
  });

  it('gives status and headers, repeated ones joined', async () => {
    handle = (_request, response) => {
      response.writeHead(418, [
        ['X-One', 'a'],
        ['x-two', 'b'],
        ['x-two', 'c'],
      ]);
      response.end('body');
    };
    const answer = await call();
    expect(answer.status).toBe(418);
    expect(answer.headers.get('x-one')).toBe('a');
    expect(answer.headers.get('x-two')).toBe('b, c');
    expect(String(await wholeOf(answer))).toBe('body');
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('undoes %s, and no longer says so', async (encoding, encode) => {
    handle = (_request, response) => {
      response.writeHead(200, { 'content-encoding': encoding });
      response.end(encode('täxt'));
    };
    const answer = await call();
    expect(answer.headers.has('content-encoding')).toBe(false);
    expect(String(await wholeOf(answer))).toBe('täxt');
  });

  it('follows no redirect: a credential must not reach another host', async () => {
    let requests = 0;
    handle = (_request, response) => {
      requests += 1;
      response.writeHead(307, { location: url }).end();
    };
    expect((await call()).status).toBe(307);
    expect(requests).toBe(1);
  });
});

describe('a fault', () => {
  it('is called connect when nobody listens', async () => {
    await expect(call({ url: `http://127.0.0.1:${await quietPort()}/` })).rejects.toMatchObject({
      name: 'NetworkFault',
      kind: 'connect',
      systemCode: 'ECONNREFUSED',
    });
  });

  it('is called connect when the name is nobody’s', async () => {
    await expect(call({ url: 'http://nobody.invalid/' })).rejects.toMatchObject({ kind: 'connect' });
  });

  it('is called timeout when no status line comes in time', async () => {
    handle = () => undefined;
    await expect(call({ headersMs: 50 })).rejects.toMatchObject({
      kind: 'timeout',
      systemCode: 'UND_ERR_HEADERS_TIMEOUT',
    });
  });

  it('is called reset when the connection ends before the answer', async () => {
    handle = (request) => request.socket.destroy();
    await expect(call()).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it('is called reset when the answer is cut', async () => {
    handle = (_request, response) => {
      response.writeHead(200);
      response.write('half', () => response.destroy());
    };
    await expect(wholeOf(await call())).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it('is called reset when the encoding is not what it says', async () => {
    handle = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all');
    await expect(wholeOf(await call())).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it('is called aborted when our own signal ended the call, before the answer or in it', async () => {
    const controller = new AbortController();
    handle = () => controller.abort(new Error('left'));
    await expect(call({ signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' });

    const later = new AbortController();
    handle = (_request, response) => void response.writeHead(200).write('half');
    const answer = await call({ signal: later.signal });
    const reading = wholeOf(answer);
    later.abort(new Error('left'));
    await expect(reading).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('says nothing the provider wrote', async () => {
    handle = (request) => request.socket.end('canary canary\r\n\r\n');
    const fault: unknown = await call().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(NetworkFault);
    expect((fault as Error).message).not.toContain('canary');
  });
});

describe('giving an answer up', () => {
  it('ends the connection to the provider at once', async () => {
    const closed = Promise.withResolvers<void>();
    handle = (_request, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200).write('half');
    };
    const answer = await call();
    answer.cancel();
    answer.cancel();
    await closed.promise;
  });

  it('ends a read that waits, also of an encoded answer', async () => {
    handle = (_request, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).write(gzipSync('x').subarray(0, 5));
    const answer = await call();
    const reading = wholeOf(answer);
    answer.cancel();
    await expect(reading).rejects.toBeInstanceOf(NetworkFault);
  });
});

describe('letting go of idle connections', () => {
  it('makes the next call connect anew and lets one under way go on', async () => {
    const sockets = new Set<unknown>();
    const ends: (() => void)[] = [];
    handle = (request, response) => {
      sockets.add(request.socket);
      response.writeHead(200).write('half');
      ends.push(() => void response.end('whole'));
    };
    const underWay = await call();
    network.dropIdle();
    const next = await call();
    for (const end of ends) end();
    expect(String(await wholeOf(underWay))).toBe('halfwhole');
    expect(String(await wholeOf(next))).toBe('halfwhole');
    expect(sockets.size).toBe(2);
  });

  it('ends those that nobody uses', async () => {
    const closed = Promise.withResolvers<void>();
    handle = (request, response) => {
      request.socket.on('close', () => closed.resolve());
      response.end('done');
    };
    await wholeOf(await call());
    network.dropIdle();
    await closed.promise;
  });
});

function call(overrides: Partial<HttpCall> = {}): Promise<HttpAnswer> {
  const signal = new AbortController().signal;
  return network.call('inference', { method: 'POST', url, headers: [], signal, headersMs: 5_000, ...overrides });
}

async function wholeOf(answer: HttpAnswer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces);
}
