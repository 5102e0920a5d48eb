/** Runs a short program to its end and keeps what it said, for the few system tools the database start needs. */
import { spawn } from 'node:child_process';

/** The account a program runs under; without one it runs as we do. */
export interface ProgramUser {
  readonly uid: number;
  readonly gid: number;
}

export interface ProgramResult {
  /** Null when the program could not be started or was ended by a signal. */
  readonly exitCode: number | null;
  /** Standard output and error, mixed, cut after 64 KiB. */
  readonly output: string;
  /** The system's word when it could not be started (`ENOENT`, `EACCES`). */
  readonly systemCode?: string;
}

const maxOutputChars = 65_536;

/**
 * Runs `program` in `/` with an English, empty environment. Never rejects: what went wrong is in the result.
 */
export function runProgram(
  program: string,
  options: { args: readonly string[]; user?: ProgramUser | undefined; input?: string },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, options.args, {
      cwd: quietFolder,
      env: programEnvironment,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      ...options.user,
    });
    let output = '';
    const keep = (text: string): void => {
      if (output.length < maxOutputChars) output += text;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    // A program that does not read its input closes the pipe; its exit code tells the story.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ exitCode: null, output, ...(error.code === undefined ? {} : { systemCode: error.code }) });
    });
    child.on('close', (exitCode) => resolve({ exitCode, output }));
  });
}

/** A working folder every user may enter; our own may be closed to the user a program runs as. */
export const quietFolder = process.platform === 'win32' ? undefined : '/';

/**
 * Nothing of our own environment reaches these programs: `PG*` variables would redirect them, secrets would stay
 * readable in `/proc`, and a local language would translate the messages we look at. Windows adds what it needs itself.
 */
export const programEnvironment: Readonly<Record<string, string>> =
  process.platform === 'win32'
    ? { LC_MESSAGES: 'C' }
    : { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
