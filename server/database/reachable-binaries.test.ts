import { access, chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quietLog } from '../../test/support/quiet-log.ts';
import { openDataFolder } from '../data-folder/open-data-folder.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { reachableBinaries } from './reachable-binaries.ts';

const isRoot = process.getuid?.() === 0;
/** Any user that is not us and owns nothing here. */
const user = { uid: 65_534, gid: 65_534 };

let base: string;
let cacheFolder: string;
let binaries: PostgresBinaries;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'binaries-'));
  await chmod(base, 0o755);
  cacheFolder = join(base, 'cache');
  const bin = join(base, 'home', 'package', 'native', 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(base, 'home', 'package', 'package.json'), '{"version": "18.4.0"}');
  binaries = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), pgCtl: join(bin, 'pg_ctl') };
  await program(binaries.postgres, 'exit 0');
  await program(binaries.initdb, 'echo "initdb: error: could not write: No space left on device" >&2; exit 1');
  await program(binaries.pgCtl, 'exit 0');
});
afterEach(() => rm(base, { recursive: true }));

async function program(path: string, text: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

describe.runIf(isRoot)('as root, for the user Postgres runs as', () => {
  it('uses the binaries where they are when the user can reach them', async () => {
    expect(await reachableBinaries(binaries, { user, cacheFolder })).toBe(binaries);
    await expect(access(cacheFolder)).rejects.toThrow();
  });

  it('copies them once when their folder is closed, and does not take half a copy for a whole one', async () => {
    await chmod(join(base, 'home'), 0o700);
    const copied = await reachableBinaries(binaries, { user, cacheFolder });
    expect(copied.postgres).toBe(join(cacheFolder, 'postgres-18.4.0', 'bin', 'postgres'));
    const { ino } = await stat(copied.postgres);
    await reachableBinaries(binaries, { user, cacheFolder });
    expect((await stat(copied.postgres)).ino).toBe(ino);
    await rm(join(cacheFolder, 'postgres-18.4.0', 'complete'));
    await writeFile(copied.postgres, 'half');
    await reachableBinaries(binaries, { user, cacheFolder });
    expect(await readFile(copied.postgres, 'utf8')).toContain('exit 0');
  });

  it('says so when the copy does not run either', async () => {
    await program(binaries.postgres, 'exit 1');
    await expect(reachableBinaries(binaries, { user, cacheFolder })).rejects.toMatchObject({ code: 'postgres_failed' });
  });

  it('names the closed folder when the user cannot get to the data', async () => {
    const closed = join(base, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const dataFolder = join(closed, 'data');
    await openDataFolder(dataFolder, { random: systemRandom });
    const starting = startEmbeddedPostgres({
      dataFolder,
      clock: systemClock,
      random: systemRandom,
      log: quietLog,
      binaries,
    });
    await expect(starting).rejects.toMatchObject({
      code: 'folder_not_writable',
      sentence: expect.stringContaining(`chmod o+x ${closed})`),
    });
  });
});

describe('a disk that fills while the database is made', () => {
  it('is called a full disk, and nothing half-made stays', async () => {
    const dataFolder = join(base, 'data');
    await openDataFolder(dataFolder, { random: systemRandom });
    const starting = startEmbeddedPostgres({
      dataFolder,
      clock: systemClock,
      random: systemRandom,
      log: quietLog,
      binaries,
    });
    await expect(starting).rejects.toMatchObject({ code: 'disk_full', sentence: expect.stringContaining(dataFolder) });
    await expect(access(join(dataFolder, 'postgres'))).rejects.toThrow();
  });
});
