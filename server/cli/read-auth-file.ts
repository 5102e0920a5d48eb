/** Reads the auth.json a person names, as text; what is in it is the server's business. */
import { open } from 'node:fs/promises';
import { systemCodeOf } from '../data-folder/start-problem.ts';
import type { Cli } from './cli.ts';
import { CommandProblem } from './command-problem.ts';

/** Product spec 6.2; a real one has about 5 kB. */
const mostBytes = 65_536;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file. "codex login" makes it; it is usually ~/.codex/auth.json',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'that is a folder. Name the file auth.json in it',
};

/** @param path `-` reads standard input. @throws {CommandProblem} `file_unreadable`, `file_too_large`. */
export async function readAuthFile(path: string, { terminal, resolvePath }: Cli): Promise<string> {
  const text = path === '-' ? await terminal.readInput() : await readBounded(resolvePath(path));
  if (Buffer.byteLength(text) <= mostBytes) return text;
  throw new CommandProblem('file_too_large', {
    sentence: 'This is no auth.json: it is larger than 64 KiB. Name the file that "codex login" wrote.',
  });
}

async function readBounded(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes + 1), 0, mostBytes + 1, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemCodeOf(error) ?? 'unknown';
    throw new CommandProblem('file_unreadable', {
      sentence: `${path} cannot be read: ${reasons[code] ?? `the system says ${code}`}.`,
      cause: error,
    });
  }
}
