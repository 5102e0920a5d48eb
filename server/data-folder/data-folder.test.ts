import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { isAdminToken, openAdminToken, readAdminToken } from './admin-token.ts';
import { askRunningInstance } from './ask-running-instance.ts';
import { claimAddress } from './claim-address.ts';
import { claimDataFolder } from './instance-lock.ts';
import { openDataFolder } from './open-data-folder.ts';
import { diskFull, writeProblem } from './start-problem.ts';

let base: string;
let folder: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'folder-'));
  folder = join(base, 'deep', 'pooler');
});
afterEach(() => rm(base, { recursive: true }));

describe('opening the data folder', () => {
  it('makes it, closed to others, with an id that stays', async () => {
    const first = await openDataFolder(folder, { random: systemRandom });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await openDataFolder(folder, { random: systemRandom })).toEqual(first);
  });

  it('closes a folder that was open to all, and leaves the passage for the group of Postgres', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    await openDataFolder(folder, { random: systemRandom });
    expect((await stat(folder)).mode & 0o777).toBe(0o710);
  });

  it('refuses a folder of a newer version and names it', async () => {
    const { instanceId } = await openDataFolder(folder, { random: systemRandom });
    await writeFile(join(folder, 'format.json'), JSON.stringify({ format: 2, instanceId }));
    await expect(openDataFolder(folder, { random: systemRandom })).rejects.toMatchObject({
      code: 'folder_newer',
      exitCode: 78,
      sentence: expect.stringMatching(new RegExp(`${folder}.*newer version`)),
    });
  });

  it('refuses a damaged folder instead of giving it another id', async () => {
    await openDataFolder(folder, { random: systemRandom });
    await writeFile(join(folder, 'format.json'), '{');
    await expect(openDataFolder(folder, { random: systemRandom })).rejects.toMatchObject({ code: 'folder_unreadable' });
    expect(await readFile(join(folder, 'format.json'), 'utf8')).toBe('{');
  });

  it('says that a place cannot be written, and why', async () => {
    await writeFile(join(base, 'file'), '');
    await expect(openDataFolder(join(base, 'file', 'pooler'), { random: systemRandom })).rejects.toMatchObject({
      code: 'folder_not_writable',
      sentence: expect.stringMatching(/a file stands where a folder is needed.*CODEX_POOLER_DATA_DIR/),
    });
    if (process.platform !== 'linux') return;
    // A kernel file system refuses even root.
    await expect(openDataFolder('/proc/pooler', { random: systemRandom })).rejects.toMatchObject({
      code: 'folder_not_writable',
    });
  });

  it('calls a full disk a full disk', () => {
    expect(writeProblem('/data', { code: 'ENOSPC' })).toMatchObject({
      code: 'disk_full',
      exitCode: 75,
      sentence: diskFull('/data').sentence,
    });
    expect(writeProblem('/data', { code: 'EACCES' })).toMatchObject({ code: 'folder_not_writable' });
    expect(writeProblem('/data', { code: 'EMFILE' })).toBeUndefined();
  });
});

/** A process of its own that claims the folder and then waits; resolves when it holds the claim. */
async function holdElsewhere(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const lock = new URL('./instance-lock.ts', import.meta.url).href;
  const world = new URL('../world/real-world.ts', import.meta.url).href;
  const script = `
    import { claimDataFolder } from ${JSON.stringify(lock)};
    import { systemClock } from ${JSON.stringify(world)};
    const claim = await claimDataFolder(${JSON.stringify(folder)}, { clock: systemClock });
    claim.publish({ url: 'http://localhost:4321' });
    console.log('claimed');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  expect(line).toBe('claimed');
  return {
    pid: child.pid ?? 0,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('the claim on a data folder', () => {
  beforeEach(() => openDataFolder(folder, { random: systemRandom }));

  it('is had by one process; a second one is told who and where', async () => {
    const other = await holdElsewhere();
    await expect(claimDataFolder(folder, { clock: systemClock })).rejects.toMatchObject({
      code: 'other_instance',
      sentence: expect.stringMatching(
        new RegExp(`${folder} \\(process ${other.pid}, at http://localhost:4321\\)\\. Use that one,`),
      ),
    });
    expect(await askRunningInstance(folder)).toEqual({ pid: other.pid, url: 'http://localhost:4321' });
    await other.kill();
  });

  it('dies with its process, also by kill -9', async () => {
    const other = await holdElsewhere();
    await other.kill();
    expect(await askRunningInstance(folder)).toBeNull();
    const claim = await claimDataFolder(folder, { clock: systemClock });
    expect(await askRunningInstance(folder)).toEqual({ pid: process.pid, url: null });
    await claim.release();
    await claim.release();
    expect(await askRunningInstance(folder)).toBeNull();
  });

  it('goes to exactly one of several starts that find a dead one', async () => {
    const other = await holdElsewhere();
    await other.kill();
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => claimDataFolder(folder, { clock: systemClock })),
    );
    const winners = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(winners).toHaveLength(1);
    expect(await askRunningInstance(folder)).toMatchObject({ pid: process.pid });
    await winners[0]?.release();
  });

  it('counts a holder that does not answer properly as alive', async () => {
    const holder = createServer((socket) => socket.end('something else')).listen(claimAddress(folder));
    await once(holder, 'listening');
    await expect(claimDataFolder(folder, { clock: systemClock })).rejects.toMatchObject({ code: 'other_instance' });
    holder.close();
    await once(holder, 'close');
  });

  it('works where the folder is too deep for a socket, and on Windows has a pipe', async () => {
    folder = join(base, 'x'.repeat(120));
    await openDataFolder(folder, { random: systemRandom });
    expect(claimAddress(folder).startsWith(tmpdir())).toBe(true);
    const claim = await claimDataFolder(folder, { clock: systemClock });
    expect(await askRunningInstance(folder)).toMatchObject({ pid: process.pid });
    await expect(claimDataFolder(folder, { clock: systemClock })).rejects.toMatchObject({ code: 'other_instance' });
    await claim.release();
    expect(existsSync(dirname(claimAddress(folder)))).toBe(false);
    expect(claimAddress('C:\\data', 'win32')).toMatch(/^\\\\\.\\pipe\\codex-pooler-[0-9a-f]{24}$/);
  });
});

describe('a socket under the temporary folder that everybody shares', () => {
  let place: string;
  beforeEach(async () => {
    folder = join(base, 'x'.repeat(120));
    await openDataFolder(folder, { random: systemRandom });
    place = dirname(claimAddress(folder));
  });
  afterEach(() => rm(place, { recursive: true, force: true }));

  const refused = { code: 'socket_folder_untrusted', sentence: expect.stringContaining('codex-pooler-') as string };

  it('stands in a folder of its own that nobody else can look into', async () => {
    const claim = await claimDataFolder(folder, { clock: systemClock });
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    await claim.release();
  });

  it('is had again and again while claims come and go', async () => {
    const claimAndRelease = async () => {
      for (let turn = 0; turn < 5; turn += 1) {
        const claim = await claimDataFolder(folder, { clock: systemClock }).catch(
          (error: { code?: string }) => error.code,
        );
        if (typeof claim === 'object') await claim.release();
        else expect(claim).toBe('other_instance');
      }
    };
    await Promise.all([claimAndRelease(), claimAndRelease(), claimAndRelease()]);
    await (await claimDataFolder(folder, { clock: systemClock })).release();
  });

  it.each([
    ['open to others', () => mkdir(place, { mode: 0o700 }).then(() => chmod(place, 0o777))],
    ['a link to elsewhere', () => symlink(folder, place)],
    ['a file', () => writeFile(place, '')],
    // Only root can give a folder away, so elsewhere this case is a folder that others may enter.
    [
      'of another user',
      () =>
        mkdir(place, { mode: 0o711 }).then(() => (process.getuid?.() === 0 ? chown(place, 54_321, 54_321) : undefined)),
    ],
  ])('is neither made nor believed in a folder that is %s', async (_name, prepare) => {
    await prepare();
    const listener = createServer((socket) => socket.end(JSON.stringify({ pid: 1, url: 'http://127.0.0.1:1' })));
    if ((await stat(place)).isDirectory()) {
      await new Promise<void>((listening) => listener.listen(claimAddress(folder), listening));
    }
    await expect(askRunningInstance(folder)).rejects.toMatchObject(refused);
    await expect(claimDataFolder(folder, { clock: systemClock })).rejects.toMatchObject(refused);
    await new Promise((closed) => listener.close(closed));
  });
});

describe('the admin token', () => {
  it('is made once, kept closed to others, and compared whole', async () => {
    await openDataFolder(folder, { random: systemRandom });
    expect(await readAdminToken(folder)).toBeNull();
    const token = await openAdminToken(folder, { random: systemRandom });
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(await openAdminToken(folder, { random: systemRandom })).toBe(token);
    expect(await readAdminToken(folder)).toBe(token);
    expect((await stat(join(folder, 'admin-token'))).mode & 0o777).toBe(0o600);
    expect(isAdminToken(token, token)).toBe(true);
    for (const wrong of ['', token.slice(1), `${token}x`]) expect(isAdminToken(wrong, token)).toBe(false);
  });
});
