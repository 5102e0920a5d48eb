/** Finds out which program listens on a port of this machine, for an error message a person can act on. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { runProgram } from '../database/run-program.ts';

export interface PortHolder {
  readonly pid: number;
  /** The program's name; for an interpreter also its script. */
  readonly program: string;
}

/** The listener on `port`, or undefined where the system does not tell (another user's process, Windows). */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  try {
    return process.platform === 'linux' ? await findByProc(port) : await findByLsof(port);
  } catch {
    // A nicer message is not worth failing for: processes come and go while we look.
    return undefined;
  }
}

/** Socket tables name a file number; the process whose open files include it is the holder. */
async function findByProc(port: number): Promise<PortHolder | undefined> {
  const numbers = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      // State 0A is LISTEN; the local port is the hexadecimal part after the colon.
      if (state === '0A' && Number.parseInt(local?.split(':')[1] ?? '', 16) === port && inode)
        numbers.add(`socket:[${inode}]`);
    }
  }
  if (numbers.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holdsOneOf(pid, numbers)) {
      return { pid: Number(pid), program: await programOf(pid) };
    }
  }
  return undefined;
}

const interpreters = new Set(['node', 'bun', 'deno', 'python', 'python3', 'ruby', 'java', 'php']);

/**
 * The program's name and, for an interpreter, the script it runs: `node server/main.ts`. Other arguments are left out,
 * they may hold secrets. The system's own short name is a thread's, which for Node says nothing.
 */
async function programOf(pid: string): Promise<string> {
  const [path = '', script = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  const name = basename(path);
  if (name === '') return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
  if (!interpreters.has(name) || script === '' || script.startsWith('-')) return name;
  return `${name} ${script.split('/').slice(-2).join('/')}`;
}

async function holdsOneOf(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const file of files) {
    const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
    if (sockets.has(target)) return true;
  }
  return false;
}

/** `-Fpc` prints one field per line: `p` and the pid, `c` and the command. */
async function findByLsof(port: number): Promise<PortHolder | undefined> {
  const { output } = await runProgram('lsof', { args: ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'] });
  const pid = /^p(\d+)$/m.exec(output)?.[1];
  const program = /^c(.+)$/m.exec(output)?.[1];
  return pid && program ? { pid: Number(pid), program } : undefined;
}
