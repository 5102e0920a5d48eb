/**
 * Everything the benchmark starts and leaves on disk, in one place, so that it is gone afterwards on every way out: a
 * normal end, an error, Ctrl-C, and `process.exit` from anywhere.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { clusterFolderOf } from '../../server/database/postgres-cluster.ts';

export interface StartOptions {
  /** Names its log file; part of messages. */
  readonly name: string;
  /** Arguments of Node: its own flags, the script, the script's arguments. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it says when it is ready: one message over IPC, or one JSON line on standard output. */
  readonly readiness: 'message' | 'line';
  /** Its data folder, when a Postgres of its own works there: that one must not outlive it. */
  readonly dataFolder?: string;
}

export interface RunningProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** From before the start until it said so. */
  readonly startMs: number;
  /** Its standard error so far. */
  readLog(): Promise<string>;
  /** Asks it to end and waits until it did; ends it by force after a while. */
  stop(): Promise<void>;
}

export interface Workshop {
  /** A temporary folder of our own. */
  readonly folder: string;
  /** @throws Error with its last words when it ends before it is ready or takes too long. */
  start(options: StartOptions): Promise<RunningProcess>;
  /** Rejects, with its last words, when a process that was ready ends without being asked to. Never resolves. */
  readonly died: Promise<never>;
  /** Ends every process, newest first, and removes the folder. Idempotent. */
  close(): Promise<void>;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** A first `initdb` on a slow, busy disk. */
const readyLimitMs = 120_000;
/** The gateway settles and closes its database in well under a second when no stream is open. */
const stopLimitMs = 20_000;
/** What a child needs of our environment; the rest could change what is measured. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LOCALAPPDATA', 'USERPROFILE'];

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'codex-pooler-bench-'));
  // Started as root, Postgres runs as a user of its own, who must pass through here to its data.
  chmodSync(folder, 0o711);
  const running: { process: RunningProcess; dataFolder: string | undefined }[] = [];
  const died = Promise.withResolvers<never>();
  // Whoever waits for it hears of it; nobody must.
  died.promise.catch(() => undefined);
  let starts = 0;

  /** The last resort, when nothing may wait any more. */
  function endAtOnce(): void {
    for (const { process: each, dataFolder } of running.splice(0).toReversed()) {
      each.child.kill('SIGKILL');
      if (dataFolder) endPostgres(dataFolder);
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
  process.once('exit', endAtOnce);

  async function start(options: StartOptions): Promise<RunningProcess> {
    const startedMs = performance.now();
    const logFile = join(folder, `${options.name}-${(starts += 1)}.log`);
    const child = spawnNode(options, logFile);
    const ended = once(child, 'exit');
    let isStopping = false;
    const stop = async () => {
      isStopping = true;
      await stopChild(child, ended);
      if (options.dataFolder) endPostgres(options.dataFolder);
      const index = running.findIndex(({ process: each }) => each === started);
      if (index !== -1) running.splice(index, 1);
    };
    const readLog = () => readFile(logFile, 'utf8').catch(() => '');
    let ready: Readonly<Record<string, unknown>> = {};
    let startMs = Number.NaN;
    const started: RunningProcess = {
      pid: child.pid ?? 0,
      child,
      get ready() {
        return ready;
      },
      get startMs() {
        return startMs;
      },
      readLog,
      stop,
    };
    running.push({ process: started, dataFolder: options.dataFolder });
    const said = await Promise.race([
      options.readiness === 'message' ? firstMessage(child) : firstLine(child),
      ended.then(() => null),
      sleep(readyLimitMs, null, { ref: false }),
    ]);
    if (!said) {
      await stop();
      throw new Error(`${options.name} did not start. Its last words:\n${(await readLog()).slice(-2000)}`);
    }
    startMs = performance.now() - startedMs;
    ready = said;
    void ended.then(async () => {
      if (isStopping) return;
      died.reject(new Error(`${options.name} ended by itself. Its last words:\n${(await readLog()).slice(-2000)}`));
    });
    return started;
  }

  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    for (const { process: each } of running.toReversed()) await each.stop();
    // Postgres' own processes may still be letting go of their files.
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    process.off('exit', endAtOnce);
  }

  return { folder, start, died: died.promise, close: () => (closing ??= close()) };
}

function spawnNode({ args, env, readiness }: StartOptions, logFile: string): ChildProcess {
  const log = openSync(logFile, 'w', 0o600);
  try {
    const own = passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
    return spawn(process.execPath, args, {
      cwd: repository,
      env: { ...(Object.fromEntries(own) as Record<string, string>), ...env },
      stdio: ['ignore', readiness === 'line' ? 'pipe' : 'ignore', log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
}

async function firstMessage(child: ChildProcess): Promise<Record<string, unknown>> {
  const [message] = (await once(child, 'message')) as [Record<string, unknown>];
  return message;
}

function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end === -1) return;
      child.stdout?.removeAllListeners('data').resume();
      try {
        resolve(JSON.parse(text.slice(0, end)) as Record<string, unknown>);
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

async function stopChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const stopped = await Promise.race([ended.then(() => true), sleep(stopLimitMs, false, { ref: false })]);
  if (stopped) return;
  child.kill('SIGKILL');
  await ended;
}

/** Ends a Postgres that its gateway left behind; the first line of its pid file names it. Does nothing otherwise. */
function endPostgres(dataFolder: string): void {
  try {
    const text = readFileSync(join(clusterFolderOf(dataFolder), 'postmaster.pid'), 'utf8');
    process.kill(Number.parseInt(text, 10), 'SIGQUIT');
  } catch {
    return; // No file or no such process: it has ended, which is what we want.
  }
}
