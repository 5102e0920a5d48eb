/** What is measured: the sandbox directly, the two pipes, and our server, all in front of the same sandbox. */
import { answers, models } from './scenarios.ts';
import type { RunningProcess, Workshop } from './workshop.ts';

export type TargetName = 'direct' | 'pipe' | 'koa' | 'ours';

export interface Target {
  readonly name: TargetName;
  readonly origin: string;
  /** Credentials: the account's own towards the sandbox and the pipes, a Pool key towards our server. */
  readonly headers: Readonly<Record<string, string>>;
  /** The gateway's process; null for `direct`, which has none. */
  readonly pid: number | null;
}

/** How the targets are called in tables. */
export const targetLabels: Readonly<Record<TargetName, string>> = {
  direct: 'direct to the sandbox',
  pipe: 'Node `http` pipe',
  koa: 'Koa + undici pipe',
  ours: 'Codex Pooler',
};

export interface Sandbox {
  readonly pid: number;
  readonly url: string;
  /** An auth.json of its one account. */
  readonly authJson: string;
  /** What a client of that account sends. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts the provider with one account that never runs out, and teaches it the scenarios' answers. */
export async function startSandbox(workshop: Workshop): Promise<Sandbox> {
  const { pid, ready } = await workshop.start({
    name: 'sandbox',
    // It keeps requests to be looked at; a few are enough when each may be 200 kB.
    args: ['server/sandbox/main.ts', '--accounts', 'anna', '--percent-per-answer', '0', '--keep-requests', '8'],
    readiness: 'line',
  });
  const controlUrl = String(ready['controlUrl']);
  const account = await control(`${controlUrl}/_ctl/accounts`, { name: 'anna' });
  await control(`${controlUrl}/_ctl/accounts/anna`, { models });
  for (const always of answers) await control(`${controlUrl}/_ctl/script`, { account: 'anna', always });
  const authJson = String(account['authJson']);
  const { tokens } = JSON.parse(authJson) as { tokens: { access_token: string; account_id: string } };
  const headers = { authorization: `Bearer ${tokens.access_token}`, 'chatgpt-account-id': tokens.account_id };
  return { pid, url: String(ready['url']), authJson, headers };
}

async function control(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`the sandbox refused ${new URL(url).pathname}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** The sandbox itself, as a target. */
export function directTarget({ url, headers }: Sandbox): Target {
  return { name: 'direct', origin: url, headers, pid: null };
}

const scripts = { pipe: 'scripts/bench/pipe.ts', koa: 'scripts/bench/koa-pipe.ts' } as const;

/** Starts one of the two pipes in front of the sandbox. */
export async function startPipe(
  workshop: Workshop,
  { name, sandbox }: { name: keyof typeof scripts; sandbox: Sandbox },
): Promise<Target> {
  const { pid, ready } = await workshop.start({ name, args: [scripts[name], sandbox.url], readiness: 'message' });
  return { name, origin: String(ready['url']), headers: sandbox.headers, pid };
}

/** Our running server as a target. */
export function ourTarget({ pid, ready }: RunningProcess, secret: string): Target {
  // The ready message names localhost, which may mean ::1 first; the server listens on the IPv4 address.
  const origin = String(ready['url']).replace('localhost', '127.0.0.1');
  return { name: 'ours', origin, headers: { authorization: `Bearer ${secret}` }, pid };
}
