/** OpenCode for tests: installed from npm into the cache of clients, and run with a home of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { installPackages } from './node-clients.ts';

const version = '1.18.33';
const folderName = `opencode-${version}`;
/** It looks for its models and plugins before it asks; offline that fails at once. */
const runLimitMs = 80_000;

/** @throws Error that says in plain words why it cannot be had. */
export function installOpenCode(): Promise<string> {
  return installPackages({ folderName, packages: [`opencode-ai@${version}`], marker: 'opencode-ai' });
}

export interface OpenCodeRun {
  readonly stdout: string;
  readonly stderr: string;
}

/** @param options.folder - Where it works; its configuration is there, and its home below. */
export async function runOpenCode({ folder, args }: { folder: string; args: readonly string[] }): Promise<OpenCodeRun> {
  const installed = await installOpenCode();
  const home = join(folder, 'home');
  const child = spawn(join(installed, 'node_modules', '.bin', 'opencode'), args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_DATA_HOME: join(home, 'data'),
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_STATE_HOME: join(home, 'state'),
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      // Nothing listens there: whatever it asks of the internet fails at once, on every machine.
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: runLimitMs,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr };
}
