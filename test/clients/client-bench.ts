/**
 * What the tests of real clients stand on: the sandbox provider, the gateway as a process of its own on a new data
 * folder with its own Postgres, and ways to run the Codex CLI against it and to look at what was recorded.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { settingsEndpoints, type SettingName } from '../../server/contract/settings.ts';
import type { AccountSeed, SandboxAccount } from '../../server/sandbox/account.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { newestCodex, startCodex, type CodexRun, type RunningCodex } from '../support/codex-cli.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';
import { codexConfig, type CodexConfig } from './codex-config.ts';

export interface CodexAsk extends CodexConfig {
  /** Arguments after `codex`; a bare prompt is `exec`. */
  readonly args: readonly string[];
  /** The Pool key it presents. */
  readonly key: string;
  readonly version?: string;
  /** A home made by {@link ClientBench.home}, to go on where an earlier run ended; a new one when absent. */
  readonly home?: CodexHome;
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
  readonly takesInput?: boolean;
}

export interface CodexHome {
  /** `$CODEX_HOME`. */
  readonly path: string;
  /** Where commands run. */
  readonly workFolder: string;
}

/** A request and the ledger's one settlement of it, counts as numbers. */
export interface SettledRequest {
  readonly status: string;
  readonly usageStatus: string;
  readonly errorCode: string | null;
  readonly account: string | null;
  readonly attempts: number;
  readonly endpoint: string;
  /** Rows of the ledger: reservation, settlement and release when all is well. */
  readonly ledger: readonly string[];
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly totalTokens: number | null;
  readonly costMicros: number | null;
  readonly costStatus: string | null;
}

export interface ClientBench {
  readonly sandbox: Sandbox;
  /** The gateway that runs now. */
  readonly gateway: ServerProcess;
  /** Ends the gateway without warning. */
  kill9(): Promise<void>;
  /** Starts the gateway again, at its old address. */
  restart(): Promise<void>;
  /** Makes a sandbox account and imports it, as a person would with an auth.json. */
  link(name: string, seed?: Partial<AccountSeed>): Promise<SandboxAccount>;
  /** Makes a Pool key. */
  key(options?: { name?: string; allowedModels?: string[] }): Promise<string>;
  change(name: SettingName, value: number | null): Promise<void>;
  home(): Promise<CodexHome>;
  codex(ask: CodexAsk): Promise<CodexRun>;
  startCodex(ask: CodexAsk): Promise<RunningCodex>;
  /** Statuses of the inference requests the gateway answered since the last call of `fresh`, from its access log. */
  statuses(): Promise<number[]>;
  /** Waits until so many requests are settled since the last call of `fresh`, and gives all of them, oldest first. */
  settled(count: number): Promise<SettledRequest[]>;
  /** Forgets accounts, scripts, records and changed settings: call it before each test. */
  fresh(): Promise<void>;
  stop(): Promise<void>;
}

export async function openClientBench(): Promise<ClientBench> {
  const folder = await mkdtemp(join(tmpdir(), 'codex-pooler-clients-'));
  // As root the gateway runs Postgres as a user of its own, who must be able to enter.
  await chmod(folder, 0o755);
  const sandbox = await createSandbox({ clock: systemClock });
  const env = {
    CODEX_POOLER_UPSTREAM_URL: sandbox.url,
    CODEX_POOLER_AUTH_URL: sandbox.url,
    CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: '500',
    // The line that tells when a request's records are written is for debugging.
    CODEX_POOLER_LOG_LEVEL: 'debug',
  };
  const dataFolder = join(folder, 'gateway');
  let gateway = await startServer({ dataFolder, env });
  let pool = new pg.Pool({ connectionString: await gateway.databaseUrl(), max: 2 });
  pool.on('error', () => undefined);
  const changed = new Set<SettingName>();
  let homes = 0;
  let firstLine = 0;

  const bench: ClientBench = {
    sandbox,
    get gateway() {
      return gateway;
    },
    async kill9() {
      await gateway.kill9();
      await pool.end();
    },
    async restart() {
      gateway = await startServer({ dataFolder, env, port: gateway.port });
      firstLine = 0;
      pool = new pg.Pool({ connectionString: await gateway.databaseUrl(), max: 2 });
      pool.on('error', () => undefined);
    },
    async link(name, seed) {
      const account = sandbox.account(name, seed);
      await gateway.call(accounts.import, { authJson: account.authJson(), label: name });
      return account;
    },
    async key({ name = 'laptop', allowedModels } = {}) {
      const { secret } = await gateway.call(apiKeys.create, { name, allowedModels: allowedModels ?? null });
      return secret;
    },
    async change(name, value) {
      changed.add(name);
      await gateway.call(settingsEndpoints.change, { name, value });
    },
    async home() {
      const path = join(folder, `home-${(homes += 1)}`);
      const workFolder = join(path, 'work');
      await mkdir(workFolder, { recursive: true });
      return { path, workFolder };
    },
    codex: async (ask) => (await bench.startCodex(ask)).finished,
    async startCodex(ask) {
      const { args, key, version = newestCodex, home = await bench.home(), env: extra, limitMs, takesInput } = ask;
      await writeFile(join(home.path, 'config.toml'), codexConfig({ ...ask, url: gateway.url }));
      return startCodex({
        version,
        args,
        codexHome: home.path,
        cwd: home.workFolder,
        env: { CODEX_POOLER_API_KEY: key, ...extra },
        ...(limitMs === undefined ? {} : { limitMs }),
        ...(takesInput === undefined ? {} : { takesInput }),
      });
    },
    async statuses() {
      await settledLog(gateway);
      return gateway.log
        .slice(firstLine)
        .filter(({ event, route }) => event === 'request' && String(route).includes('/responses'))
        .map(({ status }) => Number(status));
    },
    async settled(count) {
      await gateway.logged(({ event }) => event === 'exchange_settled', { count, since: firstLine });
      return (await pool.query<SettledRequest>(settledRequests)).rows;
    },
    async fresh() {
      const { accounts: known } = await gateway.call(accounts.list, {});
      for (const { id } of known) await gateway.call(accounts.remove, { account: id });
      for (const name of changed) await gateway.call(settingsEndpoints.change, { name, value: null });
      changed.clear();
      sandbox.reset();
      await pool.query('truncate requests, attempts, ledger_entries, usage_hours');
      await settledLog(gateway);
      firstLine = gateway.log.length;
    },
    async stop() {
      await pool.end().catch(() => undefined);
      await gateway.stop();
      await sandbox.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

const settledRequests = `
  select request.status, request.usage_status as "usageStatus", request.error_code as "errorCode",
    request.account_label as account, request.attempt_count as attempts, request.endpoint,
    array(select event from ledger_entries where request_id = request.id order by id) as ledger,
    input_tokens::int as "inputTokens", cached_tokens::int as "cachedTokens", output_tokens::int as "outputTokens",
    reasoning_tokens::int as "reasoningTokens", total_tokens::int as "totalTokens",
    cost_micros::float as "costMicros", cost_status as "costStatus"
  from requests request
  left join ledger_entries entry on entry.request_id = request.id and entry.event = 'settlement'
  order by request.admitted_at`;

/** Lines are written in order, so once a request of our own shows up, all earlier ones have. */
async function settledLog(gateway: ServerProcess): Promise<void> {
  const since = gateway.log.length;
  await fetch(`${gateway.url}/healthz`);
  await gateway.logged(({ event, route }) => event === 'request' && route === '/healthz', { since });
}
