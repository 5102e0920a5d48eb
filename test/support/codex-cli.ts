/**
 * The real Codex CLI for tests: installed from npm once per version into a cache outside the repository, and run with a
 * home of its own, without reaching any host but the ones a test names.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { installPackages } from './client-packages.ts';

/** The newest version the wire spec was measured with, and the oldest we serve (wire spec A4.4). */
export const newestCodex = '0.169.0';
export const oldestCodex = '0.125.0';

/** Longest run of a test; the longest documented retry cycle takes half of it (wire spec A8.1). */
const runLimitMs = 60_000;

/**
 * The script that starts this version of the CLI, for `node`. Installs it on the first call and finds it on later ones.
 *
 * @throws Error that says in plain words why it cannot be had.
 */
export async function installCodex(version: string): Promise<string> {
  const check = (folder: string) => problemOf(scriptIn(folder), version);
  return scriptIn(await installPackages({ folderName: version, packages: [`@openai/codex@${version}`], check }));
}

function scriptIn(folder: string): string {
  return join(folder, 'node_modules', '@openai', 'codex', 'bin', 'codex.js');
}

/** The program itself comes in a package for this platform, which npm leaves out in silence when it cannot be had. */
async function problemOf(script: string, version: string): Promise<string | null> {
  const program = spawn(process.execPath, [script, '--version'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: runLimitMs,
  });
  const { stdout, stderr } = await collect(program);
  return stdout.includes(version) ? null : stderr || 'it does not run on this machine';
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
