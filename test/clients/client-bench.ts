/**
 * What the tests of real clients stand on: the sandbox provider, the gateway as a process of its own on a new data
 * folder with its own Postgres, and ways to run the Codex CLI against it and to look at what was recorded.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import type { KeyPolicy } from '../../server/contract/key-policy.ts';
import { settingsEndpoints, type SettingName } from '../../server/contract/settings.ts';
import type { AccountSeed, SandboxAccount } from '../../server/sandbox/account.ts';
import { createMovableClock, type MovableClock } from '../../server/sandbox/movable-clock.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { installCodex, newestCodex, oldestCodex } from '../support/codex-cli.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';
import { createCodexRunner, type CodexRunner } from './codex-runner.ts';
import { forgetRequests, readSettledRequests, type SettledRequest } from './settled-requests.ts';

export interface ClientBench extends CodexRunner {
  readonly sandbox: Sandbox;
  /** The provider's own; the gateway's runs by itself. */
  readonly clock: MovableClock;
  /** The gateway that runs now. */
  readonly gateway: ServerProcess;
  /** Ends the gateway without warning. */
  kill9(): Promise<void>;
  /** Stops the gateway as its user would. */
  quit(): Promise<void>;
  /** Starts the gateway again, at its old address. */
  restart(): Promise<void>;
  /** Makes a sandbox account and imports it, as a person would with an auth.json. */
  link(name: string, seed?: Partial<AccountSeed>): Promise<SandboxAccount>;
  /** Makes a Pool key and gives its secret. */
  key(options?: { name?: string; allowedModels?: string[]; policy?: Partial<KeyPolicy> }): Promise<string>;
  change(name: SettingName, value: number | boolean): Promise<void>;
  /** Statuses of the inference requests the gateway answered since the last call of `fresh`, from its access log. */
  statuses(): Promise<number[]>;
  /** Waits until so many requests are settled since the last call of `fresh`, and gives all of them, oldest first. */
  settled(count: number): Promise<SettledRequest[]>;
  /** Forgets accounts, scripts, records and changed settings: call it before each test. */
  fresh(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param options.codex - Versions of the Codex CLI that will be run.
 * @throws Error in plain words when a CLI cannot be installed: these tests are never skipped.
 */
export async function openClientBench({ codex = [newestCodex, oldestCodex] } = {}): Promise<ClientBench> {
  for (const version of codex) await installCodex(version);
  const folder = await mkdtemp(join(tmpdir(), 'codex-pooler-clients-'));
  // As root the gateway runs Postgres as a user of its own, who must be able to enter.
  await chmod(folder, 0o755);
  const clock = createMovableClock(systemClock);
  const sandbox = await createSandbox({ clock });
  const server = await createGatewayProcess({ dataFolder: join(folder, 'gateway'), sandbox });
  const changed = new Set<SettingName>();

  return {
    ...createCodexRunner({ folder, url: () => server.gateway.url }),
    sandbox,
    clock,
    get gateway() {
      return server.gateway;
    },
    kill9: server.kill9,
    quit: server.quit,
    restart: server.restart,
    async link(name, seed) {
      const account = sandbox.account(name, seed);
      await server.gateway.call(accounts.import, { authJson: account.authJson(), label: name });
      return account;
    },
    async key({ name = 'laptop', allowedModels, policy = {} } = {}) {
      const { secret } = await server.gateway.call(apiKeys.create, {
        name,
        policy: { ...policy, ...(allowedModels && { allowedModels }) },
      });
      return secret;
    },
    async change(name, value) {
      changed.add(name);
      await server.gateway.call(settingsEndpoints.change, { name, value });
    },
    async statuses() {
      return (await server.lines())
        .filter(({ event, route }) => event === 'request' && /\/(responses|chat\/completions)/.test(String(route)))
        .map(({ status }) => Number(status));
    },
    async settled(count) {
      await server.logged('exchange_settled', count);
      return readSettledRequests(server.pool);
    },
    async fresh() {
      const { accounts: known } = await server.gateway.call(accounts.list, {});
      for (const { id } of known) await server.gateway.call(accounts.remove, { account: id });
      for (const name of changed) await server.gateway.call(settingsEndpoints.change, { name, value: null });
      changed.clear();
      sandbox.reset();
      await forgetRequests(server.pool);
      await server.forgetLines();
    },
    async stop() {
      await server.stop();
      await sandbox.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The gateway over several starts, its log from a chosen point on, and a connection to its database. */
async function createGatewayProcess({ dataFolder, sandbox }: { dataFolder: string; sandbox: Sandbox }) {
  const env = {
    CODEX_POOLER_UPSTREAM_URL: sandbox.url,
    CODEX_POOLER_AUTH_URL: sandbox.url,
    CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: '500',
    // The line that tells when a request's records are written is for debugging.
    CODEX_POOLER_LOG_LEVEL: 'debug',
  };
  let gateway = await startServer({ dataFolder, env });
  let pool = await connect(gateway);
  let since = 0;

  /** Lines are written in order, so once a request of our own shows up, all earlier ones have. */
  async function lines() {
    const before = gateway.log.length;
    await fetch(`${gateway.url}/healthz`);
    await gateway.logged(({ event, route }) => event === 'request' && route === '/healthz', { since: before });
    return gateway.log.slice(since);
  }

  return {
    get gateway() {
      return gateway;
    },
    get pool() {
      return pool;
    },
    lines,
    logged: (event: string, count: number) => gateway.logged((line) => line.event === event, { count, since }),
    async forgetLines() {
      await lines();
      since = gateway.log.length;
    },
    async kill9() {
      await gateway.kill9();
      await pool.end();
    },
    async quit() {
      await pool.end();
      await gateway.stop();
    },
    async restart() {
      gateway = await startServer({ dataFolder, env, port: gateway.port });
      pool = await connect(gateway);
      since = 0;
    },
    async stop() {
      if (!pool.ended) await pool.end();
      await gateway.stop();
    },
  };
}

async function connect(gateway: ServerProcess): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: await gateway.databaseUrl(), max: 2 });
  // The gateway is killed under it now and then.
  pool.on('error', () => undefined);
  return pool;
}
