/**
 * What the operating system says a process has used: processor time and resident memory, from outside, so that all
 * targets are measured alike and none needs a part for it. `/proc` on Linux, `ps` elsewhere, nothing on Windows.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
  /** Of children that ended and were waited for. */
  readonly endedChildrenCpuMs: number;
}

/** Linux counts processor time for programs in ticks of 10 ms on every platform Node runs on (`USER_HZ`). */
const tickMs = 10;

const run = promisify(execFile);

/** Processor time of the process itself, without its children. */
export async function readCpuMs(pid: number): Promise<number> {
  return (await readTable()).find((row) => row.pid === pid)?.cpuMs ?? Number.NaN;
}

/** Processor time of everything below a process, ended children included, without the process itself. */
export async function readDescendantsCpuMs(pid: number): Promise<number> {
  const rows = await readTable();
  if (rows.length === 0) return Number.NaN;
  return descendantsOf(rows, pid).reduce((sum, row) => sum + row.cpuMs + row.endedChildrenCpuMs, 0);
}

/** Resident memory of the process, shared pages included. */
export async function readResidentBytes(pid: number): Promise<number> {
  if (process.platform === 'linux') return readKilobytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m);
  if (process.platform === 'win32') return Number.NaN;
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return Number.parseInt(stdout, 10) * 1024;
}

/**
 * Memory of everything below a process, pages that several share counted once (`Pss`): the backends of Postgres share
 * one buffer, which a sum of resident sizes would count for each. NaN outside Linux.
 */
export async function readDescendantsBytes(pid: number): Promise<number> {
  if (process.platform !== 'linux') return Number.NaN;
  const pids = descendantsOf(await readTable(), pid).map((row) => row.pid);
  const sizes = await Promise.all(pids.map((each) => readKilobytes(`/proc/${each}/smaps_rollup`, /^Pss:\s+(\d+) kB/m)));
  return sizes.filter((size) => !Number.isNaN(size)).reduce((sum, size) => sum + size, 0);
}

async function readKilobytes(file: string, line: RegExp): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return Number(line.exec(text)?.[1] ?? Number.NaN) * 1024;
}

function descendantsOf(rows: readonly ProcessRow[], pid: number): ProcessRow[] {
  const children = rows.filter((row) => row.parent === pid);
  return children.flatMap((child) => [child, ...descendantsOf(rows, child.pid)]);
}

async function readTable(): Promise<ProcessRow[]> {
  if (process.platform === 'linux') return readProc();
  if (process.platform === 'win32') return [];
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,time=']).catch(() => ({ stdout: '' }));
  return parsePs(stdout);
}

async function readProc(): Promise<ProcessRow[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.flatMap((text) => parseStat(text) ?? []);
}

/** One line of `/proc/PID/stat` (proc_pid_stat(5)); undefined for a process that ended meanwhile. */
export function parseStat(text: string): ProcessRow | undefined {
  // "pid (name) state parent …": the name may hold anything, so counting starts behind the last parenthesis.
  const afterName = text.lastIndexOf(')');
  if (afterName === -1) return undefined;
  const fields = text.slice(afterName + 2).split(' ');
  const ticks = (index: number) => Number(fields[index]) * tickMs;
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(fields[1]),
    cpuMs: ticks(11) + ticks(12),
    endedChildrenCpuMs: ticks(13) + ticks(14),
  };
}

/** The output of `ps -o pid=,ppid=,time=`; time is `[[days-]hours:]minutes:seconds[.hundredths]`. */
export function parsePs(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s*$/.exec(line);
    if (!match) return [];
    const seconds = (match[4] ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    const days = Number(match[3] ?? 0);
    const cpuMs = Math.round((days * 86_400 + seconds) * 1000);
    return [{ pid: Number(match[1]), parent: Number(match[2]), cpuMs, endedChildrenCpuMs: 0 }];
  });
}
