/** One running Postgres: started in a session of its own, asked until it answers, stopped on request. */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Clock } from '../world/world.ts';
import { accessUrl, type PostgresAccess } from './postgres-access.ts';
import { type ClusterPlace, clusterFolderOf } from './postgres-cluster.ts';
import { programEnvironment, quietFolder, runProgram } from './run-program.ts';

/** Recovery after a crash replays at most `max_wal_size` (256 MB), which slow disks do in well under this. */
const readyLimitMs = 120_000;
const askAgainMs = 15;
const fastStopMs = 10_000;
const immediateStopMs = 5_000;

/**
 * Settings for a database that serves one machine and shares it with the user's work. Nothing of a statement may reach
 * the log: error lines are off (`log_min_messages`), and what is left carries no statement and no detail.
 */
const defaultSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '50',
  shared_buffers: '64MB',
  huge_pages: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
};

export interface PostgresProcess {
  readonly pid: number;
  /** Resolves when the process has ended, however that came about. */
  readonly ended: Promise<void>;
  /** Ends sessions, writes a checkpoint and resolves when the process is gone; harder ways follow after limits. */
  stop(): Promise<void>;
}

/** Postgres ended before it answered; `log` is what it wrote about it. */
export class PostgresStartFailure extends Error {
  readonly log: string;

  constructor(log: string, cause?: unknown) {
    super('Postgres ended before it answered', { cause });
    this.name = 'PostgresStartFailure';
    this.log = log;
  }
}

/**
 * Starts Postgres and resolves once it accepts a connection with the password.
 *
 * @throws PostgresStartFailure when it ends first or does not answer in two minutes.
 */
export async function startPostgres(
  place: ClusterPlace,
  options: { access: PostgresAccess; clock: Clock; settings?: Readonly<Record<string, string>> },
): Promise<PostgresProcess> {
  const logFile = join(place.dataFolder, 'postgres.log');
  const child = await launch(place, {
    logFile,
    settings: { ...defaultSettings, port: String(options.access.port), ...options.settings },
  });
  const running = watch(child, { place, clock: options.clock });
  const answered = await untilAnswering(
    options,
    () => child.exitCode === null && child.signalCode === null && child.pid !== undefined,
  );
  if (answered) return running;
  await running.stop();
  throw new PostgresStartFailure(await readFile(logFile, 'utf8').catch(() => ''));
}

async function launch(
  place: ClusterPlace,
  options: { logFile: string; settings: Readonly<Record<string, string>> },
): Promise<ChildProcess> {
  const args = ['-D', clusterFolderOf(place.dataFolder)];
  for (const [name, value] of Object.entries(options.settings)) args.push('-c', `${name}=${value}`);
  const log = await open(options.logFile, 'w', 0o600);
  try {
    const child = spawn(place.binaries.postgres, args, {
      cwd: quietFolder,
      env: programEnvironment,
      stdio: ['ignore', log.fd, log.fd],
      // Its own session: Ctrl-C in a terminal reaches us alone, and we stop Postgres after the last stream is settled.
      detached: true,
      windowsHide: true,
      ...place.user,
    });
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

function watch(child: ChildProcess, options: { place: ClusterPlace; clock: Clock }): PostgresProcess {
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let stopping: Promise<void> | undefined;
  return { pid: child.pid ?? 0, ended, stop: () => (stopping ??= stopChild(child, { ...options, ended })) };
}

async function stopChild(
  child: ChildProcess,
  options: { place: ClusterPlace; clock: Clock; ended: Promise<void> },
): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  if (process.platform === 'win32') {
    const args = [
      'stop',
      '-D',
      clusterFolderOf(options.place.dataFolder),
      '-m',
      'fast',
      '-w',
      '-t',
      String(fastStopMs / 1000),
    ];
    await runProgram(options.place.binaries.pgCtl, { args });
  }
  const finished = new AbortController();
  void options.ended.then(() => finished.abort());
  for (const [signal, limitMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
  ] as const) {
    if (finished.signal.aborted) return;
    child.kill(signal);
    await options.clock.sleep(limitMs, finished.signal).catch(() => undefined);
  }
  if (!finished.signal.aborted) child.kill('SIGKILL');
  await options.ended;
}

/** Asks by connecting, since the log's wording is nobody's promise. False when the process ended or time ran out. */
async function untilAnswering(
  options: { access: PostgresAccess; clock: Clock },
  isRunning: () => boolean,
): Promise<boolean> {
  const deadline = options.clock.monotonicMs() + readyLimitMs;
  while (isRunning() && options.clock.monotonicMs() < deadline) {
    if (await answers(options.access)) return isRunning();
    await options.clock.sleep(askAgainMs);
  }
  return false;
}

async function answers(access: PostgresAccess): Promise<boolean> {
  const client = new pg.Client({ connectionString: accessUrl(access, 'postgres'), connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
