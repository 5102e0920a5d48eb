import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keepingLog, quietLog } from '../../test/support/quiet-log.ts';
import { quietPort } from '../../test/support/quiet-port.ts';
import { openDataFolder } from '../data-folder/open-data-folder.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import type { Log } from '../world/world.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';
import { readPostgresAccess, savePostgresAccess } from './postgres-access.ts';
import { clusterFolderOf } from './postgres-cluster.ts';

let base: string;
let dataFolder: string;
const running: EmbeddedPostgres[] = [];
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'embedded-'));
  await chmod(base, 0o755);
  dataFolder = join(base, 'seed');
  await openDataFolder(dataFolder, { random: systemRandom });
  await (await start()).stop();
  // Left between two starts, any other port may be somebody else's by the second.
  const access = await readPostgresAccess(dataFolder);
  if (access) await savePostgresAccess(dataFolder, { ...access, port: await quietPort() });
});
afterAll(() => rm(base, { recursive: true, force: true }));
beforeEach(async () => {
  dataFolder = await mkdtemp(join(base, 'data-'));
  await openDataFolder(dataFolder, { random: systemRandom });
});
afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
});

async function start(log: Log = quietLog): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataFolder, clock: systemClock, random: systemRandom, log });
  running.push(postgres);
  return postgres;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function keepRecord(url: string): Promise<void> {
  await query(url, 'drop table if exists kept; create table kept as select 42 as n');
}

/** Starts an embedded Postgres in a process of its own and kills that process, so Postgres is left behind. */
async function leaveOrphan(): Promise<{ postgresPid: number; url: string }> {
  const embedded = new URL('./embedded.ts', import.meta.url).href;
  const world = new URL('../world/real-world.ts', import.meta.url).href;
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(embedded)};
    import { systemClock as clock, systemRandom as random } from ${JSON.stringify(world)};
    const drop = () => undefined;
    const log = { debug: drop, info: drop, warn: drop, error: drop };
    const postgres = await startEmbeddedPostgres({ dataFolder: ${JSON.stringify(dataFolder)}, clock, random, log });
    console.log(JSON.stringify({ postgresPid: postgres.pid(), url: postgres.url }));
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return JSON.parse(line) as { postgresPid: number; url: string };
}

describe('the first start', () => {
  it('makes a UTF-8 database in the C locale that only this machine and this password reach', async () => {
    const postgres = await start();
    const [facts] = await query(
      postgres.url,
      `select current_user as role, current_database() as db, pg_encoding_to_char(encoding) as encoding, datcollate,
        current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
        current_setting('fsync') as fsync, current_setting('server_version_num')::int / 10000 as major
      from pg_database where datname = current_database()`,
    );
    expect(facts).toEqual({
      role: 'codex_pooler',
      db: 'codex_pooler',
      encoding: 'UTF8',
      datcollate: 'C',
      addresses: '127.0.0.1',
      sockets: '',
      fsync: 'on',
      major: 18,
    });
    const wrong = new URL(postgres.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('leaves no password file and nothing that others could read', async () => {
    const postgres = await start();
    const names = (await readdir(dataFolder)).toSorted();
    expect(names).toEqual(['format.json', 'postgres', 'postgres.json', 'postgres.log']);
    for (const name of names) expect((await stat(join(dataFolder, name))).mode & 0o077).toBe(0);
    const { password } = new URL(postgres.url);
    expect(await readFile(join(dataFolder, 'postgres.log'), 'utf8')).not.toContain(password);
  });

  it('removes what a killed first start left, and starts over', async () => {
    const draft = join(dataFolder, 'postgres.new-0123');
    await mkdir(join(draft, 'cluster'), { recursive: true });
    await writeFile(join(draft, 'password'), 'x');
    await start();
    expect(await readdir(dataFolder)).not.toContain('postgres.new-0123');
  });
});

describe('a start over what is no database of ours', () => {
  it('refuses the database of another major version and says what to do', async () => {
    const folder = clusterFolderOf(dataFolder);
    await mkdir(folder);
    await writeFile(join(folder, 'PG_VERSION'), '17\n');
    await expect(start()).rejects.toMatchObject({
      code: 'postgres_major',
      sentence: expect.stringMatching(/Postgres 17.*brings Postgres 18.*backup/),
    });
    expect(await readFile(join(folder, 'PG_VERSION'), 'utf8')).toBe('17\n');
  });

  it('refuses a folder with files but no database instead of writing over them', async () => {
    await mkdir(clusterFolderOf(dataFolder));
    await writeFile(join(clusterFolderOf(dataFolder), 'precious'), '');
    await expect(start()).rejects.toMatchObject({
      code: 'postgres_failed',
      sentence: expect.stringContaining('move it away'),
    });
  });
});

describe('a later start', () => {
  beforeEach(() => void (dataFolder = join(base, 'seed')));

  it('finds the same records at the same address, after a clean stop', async () => {
    const first = await start();
    await keepRecord(first.url);
    await first.stop();
    await first.stop();
    expect(await readdir(clusterFolderOf(dataFolder))).not.toContain('postmaster.pid');
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('moves to another port when somebody took the one it had', async () => {
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    const second = await start();
    expect(second.port).not.toBe(first.port);
    expect(await query(second.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    squatter.close();
  });

  it('sets a new password when the kept one is lost', async () => {
    const first = await start();
    await keepRecord(first.url);
    await first.stop();
    await rm(join(dataFolder, 'postgres.json'));
    const second = await start();
    expect(second.url).not.toBe(first.url);
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });
});

describe('after a crash', () => {
  beforeEach(() => void (dataFolder = join(base, 'seed')));

  it('is started again on its port when Postgres alone is killed, and lost nothing', async () => {
    const log = keepingLog();
    const postgres = await start(log);
    await keepRecord(postgres.url);
    const pid = postgres.pid();
    process.kill(pid, 'SIGKILL');
    await log.logged('database_started_again');
    expect(postgres.pid()).not.toBe(pid);
    expect(await query(postgres.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('ends the Postgres that a killed server left behind, and takes over its records', async () => {
    const orphan = await leaveOrphan();
    await keepRecord(orphan.url);
    const log = keepingLog();
    const postgres = await start(log);
    expect(log.events).toContainEqual({
      level: 'warn',
      event: 'database_left_by_earlier_start',
      facts: { outcome: 'stopped' },
    });
    expect(postgres.pid()).not.toBe(orphan.postgresPid);
    expect(await query(postgres.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('starts when both were killed', async () => {
    const orphan = await leaveOrphan();
    process.kill(orphan.postgresPid, 'SIGKILL');
    const postgres = await start();
    expect(await query(postgres.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it.each([
    ['belongs to another program', (pid: number, lines: string[]) => [String(pid), ...lines.slice(1)].join('\n')],
    ['cannot be read as a number', () => ''],
  ])('starts when the number in a left-over postmaster.pid %s', async (_situation, change) => {
    const orphan = await leaveOrphan();
    const pidFile = join(clusterFolderOf(dataFolder), 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    process.kill(orphan.postgresPid, 'SIGKILL');
    const bystander = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await once(bystander, 'spawn');
    await writeFile(pidFile, change(bystander.pid ?? 0, lines));
    const postgres = await start();
    expect(await query(postgres.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
    await once(bystander, 'exit');
  });
});

describe('privacy', () => {
  beforeEach(() => void (dataFolder = join(base, 'seed')));

  it('keeps statements, values and errors out of the log', async () => {
    const postgres = await start();
    await query(postgres.url, 'create table t (email text unique)');
    await query(postgres.url, `insert into t values ('canary@example.com')`);
    await expect(query(postgres.url, `insert into t values ('canary@example.com')`)).rejects.toMatchObject({
      code: '23505',
    });
    await expect(query(postgres.url, `select 'canary-value'::uuid`)).rejects.toMatchObject({ code: '22P02' });
    await expect(query(postgres.url, 'selec canary')).rejects.toMatchObject({ code: '42601' });
    await postgres.stop();
    const log = await readFile(join(dataFolder, 'postgres.log'), 'utf8');
    expect(log).toContain('database system is ready');
    expect(log).not.toContain('canary');
  });
});
