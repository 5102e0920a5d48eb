/** The command line as tests use it: inside the test for speed, or as a process of its own as people start it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../server/cli/run-command-line.ts';
import { expect } from 'vitest';
import { readEnvironment } from '../../server/environment.ts';
import { systemClock, systemRandom } from '../../server/world/real-world.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as the one JSON document it must be. */
  json<Document>(): Document;
}

export interface RunOptions {
  /** What comes in on standard input. */
  readonly input?: string;
  /** What the person at the terminal answers; nobody sits there when absent. */
  readonly answer?: string;
  /** Aborting is Ctrl-C. */
  readonly interrupt?: AbortSignal;
}

export type Environment = Readonly<Record<string, string>>;

/** A command line in this process. @param place.home is the person's home folder, and where relative paths start. */
export function commandLine({ env, home }: { env: Environment; home: string }) {
  return async (words: string, options: RunOptions = {}): Promise<Outcome> => {
    const printed = { stdout: '', stderr: '' };
    const { answer, interrupt } = options;
    const exitCode = await runCommandLine(split(words), {
      terminal: {
        write: (part) => void (printed.stdout += part),
        complain: (part) => void (printed.stderr += part),
        readInput: async () => options.input ?? '',
        ask:
          answer === undefined
            ? null
            : async (question) => {
                printed.stderr += question;
                return answer;
              },
        onInterrupt(listener) {
          interrupt?.addEventListener('abort', listener);
          return () => interrupt?.removeEventListener('abort', listener);
        },
      },
      clock: systemClock,
      random: systemRandom,
      platform: 'linux',
      home,
      folder: home,
      readEnvironment: () =>
        readEnvironment({ env, readFile: () => Buffer.alloc(0), home, platform: 'linux', isRoot: false }),
    });
    return { exitCode, ...printed, json: () => JSON.parse(printed.stdout) as never };
  };
}

/** The command line of whoever operates this gateway, and what the audit trail says of it. */
export function commandLineBeside(gateway: Pick<GatewayUnderTest, 'database' | 'dataFolder'>) {
  const { database, dataFolder } = gateway;
  const run = commandLine({
    env: { PORT: '0', DATABASE_URL: database.url, CODEX_POOLER_DATA_DIR: dataFolder },
    home: dataFolder,
  });
  return {
    run,
    /** A command that must succeed, as the document it prints. */
    async done<Document>(words: string): Promise<Document> {
      const outcome = await run(`--json ${words}`);
      expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
      return outcome.json<Document>();
    },
    /** The newest success of this action. */
    auditOf: (action: string) =>
      database.db
        .selectFrom('auditEvents')
        .select(['outcome', 'details'])
        .where('action', '=', action)
        .where('outcome', '=', 'success')
        .orderBy('occurredAt', 'desc')
        .executeTakeFirstOrThrow(),
  };
}

const entry = fileURLToPath(new URL('../../server/cli/main.ts', import.meta.url));

/** The same as a process of its own. */
export async function runProcess(
  words: string,
  { env, cwd, input = '' }: { env: Environment; cwd: string; input?: string },
): Promise<Outcome> {
  const child = spawn(process.execPath, [entry, ...split(words)], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { exitCode, stdout, stderr, json: () => JSON.parse(stdout) as never };
}

/** Words parted by blanks; 'single quotes' keep some together. */
function split(words: string): string[] {
  return [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
