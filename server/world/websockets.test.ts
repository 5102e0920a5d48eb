import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { createNetwork } from './network.ts';
import type { WebsocketCall, WebsocketListener, WebsocketOpening } from './world.ts';

let network: ReturnType<typeof createNetwork>;
let server: Server;
let url: string;
const acceptor = new WebSocketServer({ noServer: true, perMessageDeflate: true });

beforeEach(async () => {
  network = createNetwork();
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
});
afterEach(async () => {
  await network.stop();
  server.closeAllConnections();
  server.close();
});

describe('a handshake', () => {
  it('sends headers as given and in order, and offers neither compression nor a sub-protocol', async () => {
    const arrived = accepted();
    await open({
      headers: [
        ['x-b', '1'],
        ['x-a', '2'],
      ],
    });
    const { request } = await arrived;
    const names = request.rawHeaders.filter((_each, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => name.startsWith('x-'))).toEqual(['x-b', 'x-a']);
    for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol', 'user-agent', 'origin'])
      expect(names).not.toContain(name);
  });

  it('that opens gives the headers of its answer', async () => {
    acceptor.once('headers', (headers) => headers.push('X-One: a'));
    void accepted();
    const opening = await open();
    expect(opening.kind === 'open' && opening.socket.headers.get('x-one')).toBe('a');
  });

  it('that is refused is an ordinary answer', async () => {
    refuseWith('HTTP/1.1 429 Too Many\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}');
    const opening = await open();
    if (opening.kind !== 'refused') throw new Error('it opened');
    expect(opening.answer.status).toBe(429);
    expect(opening.answer.headers.get('content-type')).toBe('application/json');
    const pieces: Buffer[] = [];
    for await (const piece of opening.answer.body) pieces.push(piece);
    expect(String(Buffer.concat(pieces))).toBe('{}');
  });

  it('that leads elsewhere is not followed: a credential must not reach another host', async () => {
    refuseWith(`HTTP/1.1 307 Go\r\nLocation: ${url}\r\nContent-Length: 0\r\n\r\n`);
    const opening = await open();
    expect(opening.kind === 'refused' && opening.answer.status).toBe(307);
  });

  it('that is cut off, or answered by nobody, is a fault', async () => {
    server.once('upgrade', (_request, socket: Socket) => socket.destroy());
    await expect(open()).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
    await expect(open({ url: 'http://127.0.0.1:1/' })).rejects.toMatchObject({ kind: 'connect' });
  });

  it('that we give up is nobody’s fault', async () => {
    const controller = new AbortController();
    server.once('upgrade', () => controller.abort(new Error('left')));
    await expect(open({ signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' });
    await expect(open({ signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' });
  });
});

describe('an open socket', () => {
  it('tells of texts, binaries, pings, pongs and the end', async () => {
    const arrived = accepted();
    const told: string[] = [];
    const closed = Promise.withResolvers<number>();
    const opening = await open({
      listener: {
        text: (message) => void told.push(`text ${String(message)}`),
        binary: () => void told.push('binary'),
        ping: () => void told.push('ping'),
        pong: (payload) => void told.push(`pong ${String(payload)}`),
        closed: closed.resolve,
      },
    });
    const { socket } = await arrived;
    if (opening.kind !== 'open') throw new Error('it was refused');
    const heard = once(socket, 'message');
    opening.socket.send(Buffer.from('hello'));
    expect(String((await heard)[0])).toBe('hello');
    const pinged = once(socket, 'ping');
    opening.socket.ping(Buffer.from('7'));
    await pinged;
    socket.send('{}');
    socket.send(Buffer.from([1]), { binary: true });
    socket.ping();
    socket.close(4000);
    expect(await closed.promise).toBe(4000);
    expect(told.toSorted()).toEqual(['binary', 'ping', 'pong 7', 'text {}']);
    // What comes too late does nothing.
    opening.socket.send(Buffer.from('late'));
    opening.socket.ping(Buffer.from('8'));
    opening.socket.pause();
    opening.socket.close(1000);
  });

  it('says goodbye with a code, or just ends', async () => {
    for (const [end, code] of [
      [(opening: WebsocketOpening) => opening.kind === 'open' && opening.socket.close(1000), 1000],
      [(opening: WebsocketOpening) => opening.kind === 'open' && opening.socket.destroy(), 1006],
    ] as const) {
      const arrived = accepted();
      const opening = await open();
      const closed = once((await arrived).socket, 'close');
      end(opening);
      expect((await closed)[0]).toBe(code);
    }
  });

  it('ends with the network', async () => {
    const arrived = accepted();
    await open();
    const closed = once((await arrived).socket, 'close');
    await network.stop();
    expect((await closed)[0]).toBe(1006);
  });
});

function open(overrides: Partial<WebsocketCall> = {}): Promise<WebsocketOpening> {
  return network.openWebsocket({
    url,
    headers: [],
    signal: new AbortController().signal,
    listener: deaf,
    ...overrides,
  });
}

const deaf: WebsocketListener = {
  text: () => undefined,
  binary: () => undefined,
  ping: () => undefined,
  pong: () => undefined,
  closed: () => undefined,
};

/** The next socket that the server accepts. */
function accepted(): Promise<{ socket: WebSocket; request: IncomingMessage }> {
  return new Promise((resolve) => {
    server.once('upgrade', (request, duplex, head) =>
      acceptor.handleUpgrade(request, duplex, head, (socket) => resolve({ socket, request })),
    );
  });
}

function refuseWith(answer: string): void {
  server.once('upgrade', (_request, socket: Socket) => socket.end(answer));
}
