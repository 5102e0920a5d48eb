import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { boundConnections } from './open-connections.ts';

let server: Server;
let most: number;
/** Requests that wait for their answer, the oldest first. */
let waiting: ServerResponse[];
const clients: Socket[] = [];

beforeEach(async () => {
  most = 3;
  waiting = [];
  server = createServer((_request, response) => void waiting.push(response));
  server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
  });
  boundConnections(server, { most: () => most });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.closeAllConnections();
  server.close();
});

async function dial(): Promise<Socket> {
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.resume();
  clients.push(client);
  await accepted;
  return client;
}

/** Asks, and resolves once the server has the request. */
async function ask(client: Socket): Promise<void> {
  const request = once(server, 'request');
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await request;
}

async function answered(): Promise<void> {
  const response = waiting.shift();
  const closed = response && once(response, 'close');
  response?.end('answer');
  await closed;
}

it('closes the connection unused longest when one too many is opened', async () => {
  const [first, second, third] = [await dial(), await dial(), await dial()];
  await dial();
  await once(first, 'close');
  await dial();
  await once(second, 'close');
  expect(third.destroyed).toBe(false);
});

it('leaves those alone that wait for an answer, and counts them as just used when they have it', async () => {
  const [first, second, third] = [await dial(), await dial(), await dial()];
  await ask(first);
  await dial();
  await once(second, 'close');
  await answered();
  const fifth = await dial();
  await once(third, 'close');
  expect([first.destroyed, fifth.destroyed]).toEqual([false, false]);
});

it('leaves a connection alone as long as one of several requests on it has no answer', async () => {
  const first = await dial();
  await ask(first);
  await ask(first);
  await answered();
  const [second] = [await dial(), await dial()];
  await dial();
  await once(second, 'close');
  expect(first.destroyed).toBe(false);
});

it('leaves websockets alone, and closes the newcomer where all are in use', async () => {
  most = 2;
  const [socket, client] = [await dial(), await dial()];
  const upgraded = once(server, 'upgrade');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
  await upgraded;
  await ask(client);
  const newcomer = await dial();
  await once(newcomer, 'close');
  expect([socket.destroyed, client.destroyed]).toEqual([false, false]);
});

it('has room again for whoever comes when others have left', async () => {
  const left = await Promise.all([dial(), dial(), dial()]);
  for (const client of left) {
    client.destroy();
  }
  await expect.poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
  const stays = [await dial(), await dial(), await dial()];
  await ask(stays[0] as Socket);
  expect(stays.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});
