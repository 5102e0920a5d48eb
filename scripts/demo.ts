/**
 * `npm run demo`: the real server with three made-up accounts, a key and some traffic, in a folder of its own that is
 * removed at the end. `--once` ends after the first traffic. Listens on PORT, 4000 when that is not set.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createApp } from '../server/app.ts';
import { callHere, type CallEndpoint } from '../server/cli/call-endpoint.ts';
import { codexConfig } from '../server/cli/codex-snippet.ts';
import { toCommandProblem } from '../server/cli/command-problem.ts';
import { checkPort } from '../server/cli/config-checks.ts';
import { accounts } from '../server/contract/accounts.ts';
import { apiKeys } from '../server/contract/api-keys.ts';
import { readEnvironment, renderEnvironmentProblems } from '../server/environment.ts';
import { createLog } from '../server/observe/log.ts';
import { createSandbox, type Sandbox } from '../server/sandbox/sandbox.ts';
import { createNetwork } from '../server/world/network.ts';
import { systemClock as clock, systemMemoryBytes, systemRandom as random } from '../server/world/real-world.ts';
import { demoAccounts } from './demo/demo-accounts.ts';
import { accountsText, banner, whatToTry } from './demo/demo-text.ts';
import { createTraffic, renderTurn } from './demo/demo-traffic.ts';

/** Often enough that something moves while one looks, seldom enough that ben's limit lasts some minutes. */
const turnEveryMs = 6_000;
/** The made-up accounts fail this often. */
const failEvery = 4;
const threads = ['refactoring', 'docs', 'tests', 'release'];

const say = (text: string) => void process.stdout.write(text);

process.exitCode = await main(parseArgs({ options: { once: { type: 'boolean', default: false } } }).values);

async function main({ once }: { once: boolean }): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  const folder = await mkdtemp(join(tmpdir(), 'codex-pooler-demo-'));
  const sandbox = await createSandbox({ clock, random });
  try {
    return await demonstrate({ folder, sandbox, once, signal: stopping.signal });
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    const { sentence, exitCode } = toCommandProblem(error);
    process.stderr.write(`${sentence}\n`);
    return exitCode;
  } finally {
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly once: boolean;
  readonly signal: AbortSignal;
}

async function demonstrate({ folder, sandbox, once, signal }: Stage): Promise<number> {
  const reading = readDemoEnvironment(folder, sandbox.url);
  if (!reading.ok) {
    process.stderr.write(`${renderEnvironmentProblems(reading.problems)}\n`);
    return 78;
  }
  const { config, secrets } = reading;
  // Asked before the database is made, so that a taken port is told at once.
  await checkPort(config, null);
  say(banner());
  const network = createNetwork();
  const log = createLog({ level: 'error', format: 'text' });
  const app = await createApp({
    config,
    secrets,
    world: { clock, random, log, network, memoryBytes: systemMemoryBytes() },
  });
  try {
    const { url } = await app.serve();
    const key = await fill(callHere(app.dispatch), sandbox);
    const codexHome = join(folder, 'codex-home');
    await mkdir(codexHome);
    await writeFile(join(codexHome, 'config.toml'), codexConfig(url));
    say(accountsText());
    const traffic = createTraffic({ url, key, sandbox, signal });
    await firstTurns(traffic, signal);
    say(whatToTry({ url, key, dataFolder: config.dataFolder, codexHome, platform: process.platform }));
    if (!once) await keepGoing(traffic, signal);
    return 0;
  } finally {
    if (!once) say('\nStopping the demo. Its folder is removed; nothing stays.\n');
    await app.stop();
    await network.stop();
  }
}

/** Only PORT comes from outside: the demo must not meet a real database, real keys or the real provider. */
function readDemoEnvironment(folder: string, sandboxUrl: string) {
  return readEnvironment({
    env: {
      PORT: process.env['PORT'],
      CODEX_POOLER_DATA_DIR: folder,
      CODEX_POOLER_UPSTREAM_URL: sandboxUrl,
      CODEX_POOLER_AUTH_URL: sandboxUrl,
      CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: '2000',
    },
    readFile: () => Buffer.alloc(0),
    home: folder,
    platform: process.platform,
    isRoot: false,
  });
}

/** @returns the key. */
async function fill(call: CallEndpoint, sandbox: Sandbox): Promise<string> {
  for (const { name, seed } of demoAccounts) {
    const authJson = sandbox.account(name, seed).authJson();
    await call(accounts.import, { authJson, label: `${name} (demo)` });
  }
  return (await call(apiKeys.create, { name: 'demo' })).secret;
}

type Traffic = ReturnType<typeof createTraffic>;

/** Every thread once, then one again whose account fails, so that another takes over. */
async function firstTurns(traffic: Traffic, signal: AbortSignal): Promise<void> {
  let number = 0;
  let holder: string | undefined;
  for (const thread of [...threads, threads[0] ?? '']) {
    if (number === threads.length && holder) traffic.failOnce(holder);
    const turn = await traffic.take(thread, `Go on with the ${thread}.`);
    holder ??= turn.asked.at(-1);
    number += 1;
    say(`  ${renderTurn(turn, number)}\n`);
    signal.throwIfAborted();
  }
}

async function keepGoing(traffic: Traffic, signal: AbortSignal): Promise<void> {
  say(`A turn follows every ${turnEveryMs / 1000} seconds. Ctrl-C stops the demo.\n\n`);
  for (let number = threads.length + 2; !signal.aborted; number += 1) {
    await clock.sleep(turnEveryMs, signal);
    if (number % failEvery === 0) traffic.failOnce('cleo');
    const thread = threads[Math.floor(random.fraction() * threads.length)] ?? 'docs';
    const turn = await traffic.take(thread, `Go on with the ${thread}.`);
    say(`  ${renderTurn(turn, number)}\n`);
  }
}
