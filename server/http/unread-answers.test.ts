import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quietLog } from '../../test/support/quiet-log.ts';
import { until } from '../../test/support/until.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { createIngress } from './ingress.ts';
import { createHttpServer } from './server.ts';

let server: Server;

beforeEach(async () => {
  server = createHttpServer({
    world: { clock: systemClock, random: systemRandom, log: quietLog },
    ingress: createIngress({ bindAddress: '127.0.0.1', publicHost: null }),
    mounts: [
      (router) => {
        router.get('/large', (ctx) => void (ctx.body = Buffer.alloc(64 * 2 ** 20)));
        router.get('/small', (ctx) => void (ctx.body = 'small'));
      },
    ],
    upgrades: null,
    maxConnections: () => 100,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('a client that does not read its answer', () => {
  it('is cut off when it has taken nothing for a long time', async () => {
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    const socket = await dial();
    const [held] = await arrived;
    socket.pause();
    socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await until(() => held.timeout === 300_000);
    const closed = once(held, 'close');
    // What the system says after so long without a byte taken.
    held.emit('timeout');
    await closed;
    socket.destroy();
  });

  it('and one that does keeps its connection for the next request', async () => {
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    const socket = await dial();
    const [held] = await arrived;
    for (let count = 0; count < 2; count += 1) {
      socket.write('GET /small HTTP/1.1\r\nhost: localhost\r\n\r\n');
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
      await expect.poll(() => held.timeout).toBeLessThan(100_000);
    }
    socket.destroy();
  });
});

async function dial(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
