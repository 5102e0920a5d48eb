/** The gateway as users start it, `node server/main.ts`, in a process of its own, for tests of real clients. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Endpoint, OutputOf } from '../../server/contract/endpoint.ts';
import { accessUrl, embeddedRole, readPostgresAccess } from '../../server/database/postgres-access.ts';

/** One line of its log. */
export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  /** Its log so far. */
  readonly log: readonly LogLine[];
  /** Resolves when so many lines that fit stand in the log, from line `since` on; one, from the first, when absent. */
  logged(fits: (line: LogLine) => boolean, options?: { count?: number; since?: number }): Promise<void>;
  /** Calls an admin endpoint with the token of the data folder. @throws Error with the answer when it is refused. */
  call<E extends Endpoint>(endpoint: E, input: z.input<E['input']>): Promise<OutputOf<E>>;
  /** Address of its embedded database; contains the password. */
  databaseUrl(): Promise<string>;
  /** Asks it to stop and waits until it did. */
  stop(): Promise<void>;
  /** Ends it without warning, as a power cut would. */
  kill9(): Promise<void>;
}

export interface ServerOptions {
  readonly dataFolder: string;
  /** Any free one when absent. */
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));
const Ready = z.object({ ready: z.literal(true), url: z.string(), port: z.number() });

/** Starts it and waits until it serves. @throws Error with its last words when it ends instead. */
export async function startServer({ dataFolder, port = 0, env = {} }: ServerOptions): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['server/main.ts'], {
    cwd: repository,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      TMPDIR: process.env['TMPDIR'] ?? '',
      PORT: String(port),
      CODEX_POOLER_DATA_DIR: dataFolder,
      LOG_FORMAT: 'json',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  // A test run that is interrupted takes its gateway along.
  const endWithUs = () => child.kill('SIGTERM');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  const output = readOutput(child);
  const ended = once(child, 'exit').then(() => undefined);
  const address = await Promise.race([readiness(child), ended]);
  if (!address) throw new Error(`the gateway ended before it served:\n${output.lastWords()}`);
  return {
    ...address,
    log: output.lines,
    logged: output.logged,
    async call(endpoint, input) {
      const answer = await callAdmin({ url: address.url, dataFolder, name: endpoint.name, input });
      return endpoint.output.parse(answer) as OutputOf<typeof endpoint>;
    },
    async databaseUrl() {
      const kept = await readPostgresAccess(dataFolder);
      if (!kept) throw new Error('the gateway keeps no embedded database here');
      return accessUrl(kept, embeddedRole);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
    async kill9() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function readiness(child: ChildProcess): Promise<{ url: string; port: number }> {
  const [message] = (await once(child, 'message')) as [unknown];
  const { url, port } = Ready.parse(message);
  return { url, port };
}

/** Log lines are kept; anything else it prints is a sentence for a person. */
function readOutput(child: ChildProcess) {
  const lines: LogLine[] = [];
  const sentences: string[] = [];
  let waiting: { isThere: () => boolean; resolve: () => void }[] = [];
  const keep = (text: string) => {
    if (!text.startsWith('{')) return void sentences.push(text);
    lines.push(JSON.parse(text) as LogLine);
    const told = waiting.filter(({ isThere }) => isThere());
    waiting = waiting.filter((waiter) => !told.includes(waiter));
    for (const { resolve } of told) resolve();
  };
  if (child.stderr) createInterface({ input: child.stderr }).on('line', keep);
  return {
    lines,
    logged(fits: (line: LogLine) => boolean, { count = 1, since = 0 } = {}): Promise<void> {
      const isThere = () => lines.slice(since).filter(fits).length >= count;
      return isThere() ? Promise.resolve() : new Promise((resolve) => void waiting.push({ isThere, resolve }));
    },
    lastWords: () => [...lines.slice(-10).map((line) => JSON.stringify(line)), ...sentences].join('\n'),
  };
}

async function callAdmin({
  url,
  dataFolder,
  name,
  input,
}: {
  url: string;
  dataFolder: string;
  name: string;
  input: unknown;
}): Promise<unknown> {
  const token = (await readFile(join(dataFolder, 'admin-token'), 'utf8')).trim();
  const response = await fetch(`${url}/admin/api/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${name} was answered ${response.status}: ${await response.text()}`);
  return response.json();
}
