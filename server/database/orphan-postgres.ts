/**
 * Deals with a Postgres a killed server left behind, and with a `postmaster.pid` whose number now belongs to somebody
 * else (after a reboot). The caller holds the claim on the data folder, so whatever runs there is nobody's.
 */
import { readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../world/world.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { runProgram } from './run-program.ts';

/** A fast shutdown ends sessions and writes a checkpoint; a small database needs well under a second. */
const fastStopMs = 10_000;
/** An immediate shutdown only aborts; the next start recovers from the log. */
const immediateStopMs = 5_000;
const lookAgainMs = 20;

/**
 * Leaves `clusterFolder` free for a new Postgres.
 *
 * @returns `stopped` when an orphan of ours was ended, `stale` when a left-over pid file was made harmless, else `none`.
 */
export async function clearOrphan(
  clusterFolder: string,
  options: { binaries: PostgresBinaries; clock: Clock },
): Promise<'stopped' | 'stale' | 'none'> {
  const pidFile = join(clusterFolder, 'postmaster.pid');
  const lines = await readLines(pidFile);
  if (!lines) return 'none';
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!Number.isInteger(pid) || pid <= 0) {
    // A full disk leaves an empty file, and Postgres refuses to start over it.
    await rm(pidFile, { force: true });
    return 'stale';
  }
  // Postgres itself removes a file whose process is gone, after checking that no child of it lives on.
  if (!exists(pid)) return 'none';
  if (process.platform === 'win32') return stopOnWindows({ clusterFolder, pidFile, pgCtl: options.binaries.pgCtl });
  if ((await isAlive(pid)) && (await servesCluster(pid, clusterFolder))) {
    await stopProcess(pid, options.clock);
    return 'stopped';
  }
  // Postgres takes the number of its own parent for stale but still checks for surviving children by the file's
  // other lines, which deleting the file would prevent.
  await writeFile(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
  return 'stale';
}

/** Ends a Postgres by pid: fast, then immediate, then by force. Resolves when it is gone. */
export async function stopProcess(pid: number, clock: Clock): Promise<void> {
  for (const [signal, limitMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', immediateStopMs],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone between two looks.
      return;
    }
    const deadline = clock.monotonicMs() + limitMs;
    while (clock.monotonicMs() < deadline) {
      if (!(await isAlive(pid))) return;
      await clock.sleep(lookAgainMs);
    }
  }
}

async function stopOnWindows(options: {
  clusterFolder: string;
  pidFile: string;
  pgCtl: string;
}): Promise<'stopped' | 'stale'> {
  // Signals to a Postgres on Windows go through a pipe named by its pid; a foreign process has none, so this fails safely.
  const args = ['stop', '-D', options.clusterFolder, '-m', 'fast', '-w', '-t', String(fastStopMs / 1000)];
  const result = await runProgram(options.pgCtl, { args });
  if (result.exitCode === 0) return 'stopped';
  await rm(options.pidFile, { force: true });
  return 'stale';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a process runs; a zombie (ended, but not yet collected by a container's first process) does not. */
async function isAlive(pid: number): Promise<boolean> {
  if (!exists(pid) || process.platform !== 'linux') return exists(pid);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // "pid (name) state …": the name may hold anything, so the state is what follows the last parenthesis.
  return stat !== undefined && !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1));
}

/** Whether `pid` is a Postgres working in `clusterFolder`. Its working folder is the cluster, even after a move. */
async function servesCluster(pid: number, clusterFolder: string): Promise<boolean> {
  const folder = await realpath(clusterFolder);
  if (process.platform === 'linux') {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return name.trim() === 'postgres' && workingFolder === folder;
  }
  const { output } = await runProgram('ps', { args: ['-o', 'command=', '-p', String(pid)] });
  return output.includes('postgres') && (output.includes(folder) || output.includes(clusterFolder));
}

async function readLines(path: string): Promise<string[] | undefined> {
  try {
    return (await readFile(path, 'utf8')).split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
