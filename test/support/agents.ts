/** Coding agents for tests, started with a home of their own and without reaching any host but this one. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** Longest life of one that was started; every test is over by then. */
const lifeLimitMs = 300_000;

export interface AgentOptions {
  /** Its script or program. */
  readonly command: readonly [string, ...string[]];
  readonly home: string;
  readonly workFolder: string;
  /** Added to an environment that holds nothing of the user's but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Agent {
  readonly stdout: Readable;
  readonly finished: Promise<AgentRun>;
  /** Ends it as Ctrl+C would, or at once. */
  kill(signal: 'SIGINT' | 'SIGKILL'): void;
}

export interface AgentRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startAgent({ command, home, workFolder, env }: AgentOptions): Agent {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: workFolder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_DATA_HOME: join(home, 'data'),
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_STATE_HOME: join(home, 'state'),
      // Nothing listens there: whatever it asks of the internet fails at once, on every machine.
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
      TERM: 'dumb',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: lifeLimitMs,
    killSignal: 'SIGKILL',
  });
  // An interrupted test run takes it along.
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const finished = collect(child).finally(() => process.off('exit', endWithUs));
  return { stdout: child.stdout, finished, kill: (signal) => void child.kill(signal) };
}

async function collect(child: ChildProcessByStdio<null, Readable, Readable>): Promise<AgentRun> {
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { exitCode, stdout, stderr };
}
