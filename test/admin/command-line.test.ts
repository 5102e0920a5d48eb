/** The commands of `codex-pooler`: through a running server and without one, for people and for scripts. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLine, runProcess, type Environment } from './command-line-under-test.ts';

const keyForm = /^sk-cxp-[0-9a-f]{12}-[A-Za-z0-9_-]{43}\n$/;

interface Place {
  readonly env: Environment;
  readonly home: string;
  readonly sandbox: Sandbox;
  readonly auditActions: () => Promise<string[]>;
  readonly stop: () => Promise<void>;
}

async function actions({ db }: TestDatabase): Promise<string[]> {
  return (await db.selectFrom('auditEvents').select('action').orderBy('occurredAt').execute()).map(
    ({ action }) => action,
  );
}

/** A server runs on the data folder; the command line speaks to it. */
async function withServer(): Promise<Place> {
  const gateway: GatewayUnderTest = await gatewayUnderTest();
  const { dataFolder, database, sandbox } = gateway;
  const env = { CODEX_POOLER_DATA_DIR: dataFolder, DATABASE_URL: database.url };
  return { env, home: dataFolder, sandbox, auditActions: () => actions(database), stop: () => gateway.stop() };
}

/** No server runs; each command opens the installation itself. */
async function withoutServer(): Promise<Place> {
  const database = await testDatabase();
  const sandbox = await createSandbox({ clock: systemClock });
  const home = await mkdtemp(join(tmpdir(), 'codex-pooler-cli-'));
  const env = {
    CODEX_POOLER_DATA_DIR: join(home, 'data'),
    DATABASE_URL: database.url,
    CODEX_POOLER_UPSTREAM_URL: sandbox.url,
    CODEX_POOLER_AUTH_URL: sandbox.url,
  };
  const stop = async () => {
    await sandbox.stop();
    await database.stop();
    await rm(home, { recursive: true, force: true });
  };
  return { env, home, sandbox, auditActions: () => actions(database), stop };
}

describe.each([
  ['with a running server', withServer],
  ['without a server', withoutServer],
])('the command line %s', (_, open) => {
  let place: Place;
  let run: ReturnType<typeof commandLine>;
  beforeAll(async () => {
    place = await open();
    run = commandLine(place);
  });
  afterAll(() => place.stop());

  it('links an account, shows it, refreshes it and removes it', async () => {
    const file = join(place.home, 'auth.json');
    await writeFile(file, place.sandbox.account('anna', { plan: 'pro' }).authJson());
    const imported = await run(`account import ${file} --label work`);
    expect([imported.exitCode, imported.stderr]).toEqual([0, '']);
    expect(imported.stdout).toMatch(/^Linked work in the pool default\.\n/);
    expect(imported.stdout).toMatch(/plan +pro\n +5 h +0% used, resets in .*\n +weekly +0% used/);
    expect(imported.stdout).toContain('do not go on using the');
    expect((await run('account list')).stdout).toMatch(/^work +pro +Ready +0% .*default/m);
    expect(await run('account refresh work')).toMatchObject({ exitCode: 0 });
    expect(await run('account remove work')).toMatchObject({ exitCode: expect.any(Number) as number, stdout: '' });
    expect((await run('account list')).stdout).toMatch(/^work /m);
    expect(await run('account remove work --yes')).toMatchObject({ exitCode: 0 });
    expect((await run('account list --json')).json<{ accounts: unknown[] }>().accounts).toEqual([]);
  });

  it('takes an auth.json from standard input', async () => {
    const input = place.sandbox.account('ben').authJson();
    expect((await run('account import - --label piped --json', { input })).json()).toMatchObject({
      account: { label: 'piped', status: 'active' },
      quotaReading: { ok: true },
      modelsReading: { ok: true },
    });
  });

  it('makes a key, shows it once, lists it without its secret, and revokes it', async () => {
    const made = await run('key create --name laptop --models gpt-5.5,gpt-6-luna');
    const secret = /sk-cxp-[0-9a-f]{12}-[A-Za-z0-9_-]{43}/.exec(made.stdout)?.[0] ?? '';
    expect(made.stdout).toContain('base_url = "http://localhost:');
    expect(made.stdout).toContain('name = "OpenAI"');
    expect(made.stdout).toContain('[model_providers.codex-pooler]');
    const listed = await run('key list');
    expect(listed.stdout).toContain(secret.slice(0, 19));
    expect(listed.stdout).not.toContain(secret);
    expect(await run('key revoke laptop --yes')).toMatchObject({ exitCode: 0 });
    expect((await run('key list --json')).json()).toMatchObject({ keys: [{ name: 'laptop', status: 'revoked' }] });
  });

  it('prints nothing but the key with --quiet', async () => {
    const made = await run('key create --name script --quiet');
    expect([made.exitCode, made.stderr]).toEqual([0, '']);
    expect(made.stdout).toMatch(keyForm);
  });

  it('says what is wrong on standard error, in words and for scripts', async () => {
    const missing = await run('account refresh nobody');
    expect([missing.exitCode, missing.stdout]).toEqual([1, '']);
    expect(missing.stderr).toBe('There is no such account.\n');
    expect((await run('key create --name x --pool nowhere --json')).json()).toMatchObject({
      error: { code: 'pool_not_found' },
    });
    expect((await run('account import /nowhere/auth.json')).exitCode).not.toBe(0);
    expect((await run('account import - --label x', { input: '{"OPENAI_API_KEY":"sk-canary"}' })).stderr).toMatch(
      /no ChatGPT sign-in/,
    );
    expect((await run('account import - --label x', { input: 'canary' })).stderr).not.toContain('canary');
    expect((await run('dance')).exitCode).toBe(64);
  });

  it('changes settings and puts them back', async () => {
    expect(await run('settings set gateway.keepalive_ms 5000')).toMatchObject({ exitCode: 0 });
    expect((await run('settings list')).stdout).toMatch(/gateway\.keepalive_ms +5000/);
    const refused = await run('settings set gateway.keepalive_ms often');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('gateway.keepalive_ms: ')]);
    expect(await run('settings reset gateway.keepalive_ms')).toMatchObject({ exitCode: 0 });
  });

  it('reports on the installation without a secret or a name in it', async () => {
    const secret = (await run('key create --name doctored --quiet')).stdout.trim();
    for (const words of ['doctor', 'doctor --json']) {
      const report = await run(words);
      expect(report.exitCode).toBe(0);
      const token = await readFile(join(place.env['CODEX_POOLER_DATA_DIR'] ?? '', 'admin-token'), 'utf8');
      for (const canary of [
        secret,
        secret.slice(20),
        token.trim(),
        'ben@sandbox.example',
        'doctored',
        'piped',
        new URL(place.env['DATABASE_URL'] ?? '').password,
      ])
        expect([words, canary, report.stdout.includes(canary)]).toEqual([words, canary, false]);
      expect(report.stdout).toContain('18');
    }
  });

  it('leaves its mark in the audit trail', async () => {
    expect(new Set(await place.auditActions())).toEqual(
      new Set([
        'accounts.import',
        'accounts.refresh',
        'accounts.remove',
        'api-keys.create',
        'api-keys.revoke',
        'settings.change',
      ]),
    );
  });
});

describe('a command that needs no installation', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'codex-pooler-cli-'));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('says of a server that serves no clients that it takes no commands, and what to do', async () => {
    for (const env of [{ PHX_SERVER: 'false' }, { OBAN_MODE: 'worker' }]) {
      const worker = await gatewayUnderTest({ env });
      const place = { CODEX_POOLER_DATA_DIR: worker.dataFolder, DATABASE_URL: worker.database.url };
      const { exitCode, stderr } = await commandLine({ env: place, home })('key list');
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/takes no commands.*PHX_SERVER.*OBAN_MODE/);
      expect(stderr).not.toContain('version');
      await worker.stop();
    }
  });

  it('env init writes keys that config check accepts, with mode 0600, and never overwrites', async () => {
    const run = commandLine({ env: {}, home });
    const file = join(home, 'pooler.env');
    expect(await run(`env init ${file}`)).toMatchObject({ exitCode: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    for (const name of ['CODEX_POOLER_UPSTREAM_SECRET_KEY', 'CODEX_POOLER_TOTP_ENCRYPTION_KEY', 'SECRET_KEY_BASE'])
      expect(text).toContain(`${name}=`);
    expect(await run(`env init ${file}`)).toMatchObject({ exitCode: 1 });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('tells every problem of the environment at once, by name, with exit code 78', async () => {
    const env = {
      CODEX_POOLER_DATA_DIR: join(home, 'data'),
      PORT: 'canary-port',
      OBAN_MODE: 'canary-mode',
      POOL_SIZE: '0',
    };
    for (const words of ['config check', 'account list']) {
      const { exitCode, stderr, stdout } = await commandLine({ env, home })(words);
      expect(exitCode).toBe(78);
      for (const name of ['PORT', 'OBAN_MODE', 'POOL_SIZE']) expect(stderr + stdout).toContain(name);
      expect(stderr + stdout).not.toContain('canary');
    }
  });

  it('runs as a process of its own, as people start it', async () => {
    const help = await runProcess('--help', { env: { CODEX_POOLER_DATA_DIR: join(home, 'data') }, cwd: home });
    expect([help.exitCode, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('account import');
  });
});
