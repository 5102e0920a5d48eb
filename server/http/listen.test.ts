import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

function server() {
  const made = createServer((_request, response) => response.end('here'));
  cleanUps.push(() => new Promise((resolve) => made.close(resolve)));
  return made;
}

/** Another program on this machine that holds a port. */
async function portHeldElsewhere(): Promise<{ pid: number; port: number }> {
  const script = `require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  cleanUps.push(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { pid: child.pid ?? 0, port: Number(line) };
}

describe('listen', () => {
  it('opens a free port and says where it can be reached', async () => {
    const address = await listen(server(), { port: 0, host: '127.0.0.1' });
    expect(address).toEqual({ host: '127.0.0.1', port: expect.any(Number), url: `http://localhost:${address.port}` });
    expect(await (await fetch(address.url)).text()).toBe('here');
  });

  it('names the program that holds the port', async () => {
    const { pid, port } = await portHeldElsewhere();
    await expect(listen(server(), { port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'port_taken',
      exitCode: 75,
      sentence: expect.stringMatching(
        new RegExp(`Port ${port} is already used by \\S+ \\(process ${pid}\\)\\..*PORT=${port + 1}`),
      ),
    });
  });

  it('says that an address is not of this machine', async () => {
    // TEST-NET-1 (RFC 5737) belongs to nobody.
    await expect(listen(server(), { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'address_unavailable',
      sentence: expect.stringContaining('CODEX_POOLER_BIND_ADDRESS'),
    });
  });
});
