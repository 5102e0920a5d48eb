/**
 * The real Codex CLI for tests: installed from npm once per version into a cache outside the repository, and run with a
 * home of its own, without reaching any host but the ones a test names.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** The newest version the wire spec was measured with, and the oldest we serve (wire spec A4.4). */
export const newestCodex = '0.169.0';
export const oldestCodex = '0.125.0';

/** A version's packages are some 200 MB; on a slow line that takes minutes, and a hanging registry must not take longer. */
const installLimitMs = 300_000;
/** Longest run of a test; the longest documented retry cycle takes half of it (wire spec A8.1). */
const runLimitMs = 60_000;

/**
 * The script that starts this version of the CLI, for `node`. Installs it on the first call and finds it on later ones.
 *
 * @throws Error that says in plain words why it cannot be had.
 */
export async function installCodex(version: string): Promise<string> {
  const folder = join(clientCacheFolder(), version);
  const script = scriptIn(folder);
  if (await exists(script)) return script;
  await mkdir(clientCacheFolder(), { recursive: true });
  // Built beside its place and moved there whole, so that a broken install is never found by a later run.
  const building = await mkdtemp(join(clientCacheFolder(), `${version}-building-`));
  try {
    await installInto(building, version);
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await exists(script))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return script;
}

/** `$CODEX_POOLER_CLIENT_CACHE`, else below the user's cache folder. */
export function clientCacheFolder(): string {
  const { CODEX_POOLER_CLIENT_CACHE: own, XDG_CACHE_HOME: caches } = process.env;
  return own || join(caches || join(homedir(), '.cache'), 'codex-pooler', 'clients');
}

function scriptIn(folder: string): string {
  return join(folder, 'node_modules', '@openai', 'codex', 'bin', 'codex.js');
}

async function installInto(folder: string, version: string): Promise<void> {
  const name = `@openai/codex@${version}`;
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=1'];
  const npm = spawn('npm', ['install', '--prefix', folder, ...flags, name], {
    cwd: folder,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: installLimitMs,
  });
  const install = await collect(npm);
  if (install.exitCode !== 0) throw cannotInstall(name, firstWords(install.stderr) || 'nothing');
  // The program itself comes in a package for this platform, which npm leaves out in silence when it cannot be had.
  const check = await collect(
    spawn(process.execPath, [scriptIn(folder), '--version'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: runLimitMs,
    }),
  );
  if (!check.stdout.includes(version)) throw cannotInstall(name, check.stderr || 'it does not run on this machine');
}

/** What went wrong stands in npm's first lines; then come traces. */
function firstWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => !/^npm warn|^npm error\s+at |^npm error$/.test(line));
  return lines.slice(0, 5).join('\n');
}

function cannotInstall(name: string, reason: string): Error {
  return new Error(
    `The Codex CLI (${name}) could not be installed into ${clientCacheFolder()}, and without it these tests cannot run. ` +
      `Check that the npm registry can be reached, or set CODEX_POOLER_CLIENT_CACHE to a folder that holds it. It said:\n${reason.trim()}`,
  );
}

export interface CodexOptions {
  readonly version: string;
  /** `$CODEX_HOME`: configuration, conversations and caches of this run. */
  readonly codexHome: string;
  readonly args: readonly string[];
  /** Added to an environment that holds nothing of the user's but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface CodexRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCodex {
  readonly finished: Promise<CodexRun>;
  /** Ends it at once, as a closed terminal or the out-of-memory killer would. */
  kill(): void;
}

/** Starts the CLI, which gets nothing to read. */
export async function startCodex(options: CodexOptions): Promise<RunningCodex> {
  const { version, codexHome, args, env, cwd } = options;
  const script = await installCodex(version);
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...silence, PATH: process.env['PATH'] ?? '', HOME: codexHome, CODEX_HOME: codexHome, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: the script starts the program as a child, and both must end together.
    detached: process.platform !== 'win32',
  });
  const kill = () => killGroup(child);
  const limit = setTimeout(kill, runLimitMs);
  // Without a gateway it would wait for one for ever, so it ends with an interrupted test run.
  process.once('exit', kill);
  const finished = collect(child).finally(() => {
    clearTimeout(limit);
    process.off('exit', kill);
  });
  return { finished, kill };
}

/**
 * Nothing listens on the discard port, so whatever the CLI asks of the internet fails at once, on every machine. Plain
 * HTTP to the gateway is not proxied.
 */
const silence = {
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
  TERM: 'dumb',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
} as const;

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (process.platform === 'win32') child.kill('SIGKILL');
  else process.kill(-child.pid, 'SIGKILL');
}

async function collect(child: ChildProcess): Promise<CodexRun> {
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [exitCode]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    ended,
  ]);
  return { exitCode, stdout, stderr };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
