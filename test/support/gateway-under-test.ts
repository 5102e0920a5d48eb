/** The real app on a real database against the sandbox provider, with a clock that can be set forward. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, type App } from '../../server/app.ts';
import type { InputOf, OutputOf, Endpoint } from '../../server/contract/endpoint.ts';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import type { KeyPolicy } from '../../server/contract/key-policy.ts';
import { settingsEndpoints, type Settings, type SettingName } from '../../server/contract/settings.ts';
import { readEnvironment } from '../../server/environment.ts';
import { createMovableClock, type MovableClock } from '../../server/sandbox/movable-clock.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import type { AccountSeed, SandboxAccount } from '../../server/sandbox/account.ts';
import { createNetwork } from '../../server/world/network.ts';
import { systemClock, systemMemoryBytes, systemRandom } from '../../server/world/real-world.ts';
import type { Log, LogFacts } from '../../server/world/world.ts';
import { testDatabase, type TestDatabase } from './database.ts';

export interface LoggedLine {
  readonly level: string;
  readonly event: string;
  readonly facts: LogFacts;
}

export interface GatewayUnderTest {
  readonly url: string;
  readonly app: App;
  readonly sandbox: Sandbox;
  readonly clock: MovableClock;
  readonly database: TestDatabase;
  readonly dataFolder: string;
  readonly log: readonly LoggedLine[];
  /** Resolves with the nth line of this event, already logged or still to come. */
  logged(event: string, nth?: number): Promise<LoggedLine>;
  /** Resolves when so many exchanges are settled in the database, all in all. */
  settled(count: number): Promise<void>;
  call<E extends Endpoint>(endpoint: E, input: InputOf<E>): Promise<OutputOf<E>>;
  /** Makes a sandbox account and imports it. */
  link(name: string, seed?: Partial<AccountSeed>): Promise<SandboxAccount & { gatewayId: string }>;
  /** Makes a key and gives its secret. */
  key(options?: { allowedModels?: string[]; name?: string; policy?: Partial<KeyPolicy> }): Promise<string>;
  change(settings: Partial<Settings>): Promise<void>;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  /** Share a database and clock with another gateway: two processes' worth of one installation. */
  readonly beside?: Pick<GatewayUnderTest, 'database' | 'sandbox' | 'clock'> & {
    readonly keys: Record<string, string>;
  };
  /** Recurring work runs with `OBAN_MODE: 'all'` only. */
  readonly env?: Record<string, string>;
  readonly settings?: Partial<Settings>;
  /** One that stands still, where the speed of this machine must not matter; one that runs on by itself when absent. */
  readonly clock?: MovableClock;
}

/**
 * @example
 * const gateway = await gatewayUnderTest();
 * const anna = await gateway.link('anna');
 * anna.fails(429);
 */
export async function gatewayUnderTest(options: GatewayOptions = {}): Promise<GatewayUnderTest> {
  const clock = options.beside?.clock ?? options.clock ?? createMovableClock(systemClock);
  const database = options.beside?.database ?? (await testDatabase());
  const sandbox = options.beside?.sandbox ?? (await createSandbox({ clock }));
  const dataFolder = await mkdtemp(join(tmpdir(), 'codex-pooler-test-'));
  const log = createWaitingLog();
  const network = createNetwork();
  const reading = readEnvironment({
    env: {
      PORT: '0',
      DATABASE_URL: database.url,
      CODEX_POOLER_DATA_DIR: dataFolder,
      CODEX_POOLER_UPSTREAM_URL: sandbox.url,
      CODEX_POOLER_AUTH_URL: sandbox.url,
      CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: '200',
      // Recurring work would come due whenever a test moves the clock, and be cut short when it moves it again.
      OBAN_MODE: 'web',
      ...options.beside?.keys,
      ...options.env,
    },
    readFile: () => Buffer.alloc(0),
    home: dataFolder,
    platform: process.platform,
    isRoot: false,
  });
  if (!reading.ok) throw new Error(`test environment: ${JSON.stringify(reading.problems)}`);
  const { config, secrets } = reading;
  const world = { clock, random: systemRandom, log: log.log, network, memoryBytes: systemMemoryBytes() };
  const app = await createApp({ config, secrets, world });
  const { url } = await app.serve();

  const call: GatewayUnderTest['call'] = async (endpoint, input) => {
    const output = await app.dispatch({ name: endpoint.name, input, actor: 'test', requestId: null });
    return output as OutputOf<typeof endpoint>;
  };
  const change = async (settings: Partial<Settings>) => {
    for (const [name, value] of Object.entries(settings))
      await call(settingsEndpoints.change, { name: name as SettingName, value });
  };
  if (options.settings) await change(options.settings);

  return {
    url,
    app,
    sandbox,
    clock,
    database,
    dataFolder,
    log: log.lines,
    logged: log.logged,
    settled: async (count) => void (await log.logged('exchange_settled', count)),
    call,
    async link(name, seed) {
      const account = sandbox.account(name, seed);
      const { account: linked } = await call(accounts.import, {
        authJson: account.authJson(),
        pool: 'default',
        label: name,
      });
      return Object.assign(Object.create(account) as SandboxAccount, { gatewayId: linked.id });
    },
    async key({ allowedModels, name = 'test', policy = {} } = {}) {
      const whole = { ...policy, ...(allowedModels && { allowedModels }) };
      const ask = { name, pool: 'default', policy: whole, labels: [], notes: '', expiresAt: null };
      return (await call(apiKeys.create, ask)).secret;
    },
    change,
    async stop() {
      await app.stop();
      await network.stop();
      if (!options.beside) {
        await sandbox.stop();
        await database.stop();
      }
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

function createWaitingLog() {
  const lines: LoggedLine[] = [];
  const waiters: { event: string; nth: number; resolve: (line: LoggedLine) => void }[] = [];
  const find = (event: string, nth: number) => lines.filter((line) => line.event === event)[nth - 1];
  const write =
    (level: string) =>
    (event: string, facts: LogFacts = {}) => {
      lines.push({ level, event, facts });
      for (const waiter of waiters.splice(0)) {
        const line = find(waiter.event, waiter.nth);
        if (line) waiter.resolve(line);
        else waiters.push(waiter);
      }
    };
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const logged = (event: string, nth = 1) =>
    new Promise<LoggedLine>((resolve) => {
      const line = find(event, nth);
      if (line) resolve(line);
      else waiters.push({ event, nth, resolve });
    });
  return { log, lines, logged };
}
