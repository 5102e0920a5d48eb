import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { systemClock } from '../world/real-world.ts';
import { awaitDatabase } from './await-database.ts';
import { connectDatabase } from './connect.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
});
afterAll(() => database.stop());

async function waitFor(url: string, limitMs: number): Promise<unknown> {
  const { pool, stop } = connectDatabase({ url, poolSize: 1, log: quietLog });
  try {
    return await awaitDatabase({ pool, url, clock: systemClock, limitMs }).catch((error: unknown) => error);
  } finally {
    await stop();
  }
}

function changed(change: (url: URL) => void): string {
  const url = new URL(database.url);
  change(url);
  return url.href;
}

describe('waiting for the database', () => {
  it('ends when it answers', async () => {
    expect(await waitFor(database.url, 0)).toBeUndefined();
  });

  it('ends at once, whatever the limit, for a wrong password or database', async () => {
    const wrongPassword = await waitFor(
      changed((url) => void (url.password = 'canary')),
      3_600_000,
    );
    expect(wrongPassword).toMatchObject({
      code: 'database_refused',
      exitCode: 78,
      sentence: expect.stringContaining('user or password'),
    });
    const wrongName = await waitFor(
      changed((url) => void (url.pathname = '/canary')),
      3_600_000,
    );
    expect(wrongName).toMatchObject({
      code: 'database_refused',
      sentence: expect.stringContaining('no database of that name'),
    });
    expect(String(wrongPassword) + String(wrongName)).not.toContain('canary');
  });

  it('gives up after the limit, naming host and port and nothing else of the address', async () => {
    const problem = await waitFor('postgres://someone:canary@127.0.0.1:9/secret_name', 600);
    expect(problem).toMatchObject({
      code: 'database_unreachable',
      exitCode: 75,
      sentence:
        'The database at 127.0.0.1:9 cannot be reached: nothing answers there. Start it, or correct DATABASE_URL.',
    });
  });

  it('waits for one that comes later', async () => {
    const { hostname, port } = new URL(database.url);
    const gate = createServer().listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const address = gate.address();
    const gatePort = typeof address === 'object' && address ? address.port : 0;
    let refused = 0;
    // Drops the first callers as a starting database does, then lets them through.
    gate.on('connection', (socket) => {
      socket.on('error', () => undefined);
      if ((refused += 1) <= 2) return socket.destroy();
      return socket.pipe(connect(Number(port), hostname)).pipe(socket);
    });
    expect(
      await waitFor(
        changed((url) => void (url.port = String(gatePort))),
        20_000,
      ),
    ).toBeUndefined();
    expect(refused).toBe(3);
    gate.close();
  });
});
