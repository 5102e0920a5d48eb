/** Our server as users start it, `node server/main.ts`, with its own Postgres, prepared for the benchmark. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox } from './targets.ts';
import type { RunningProcess, Workshop } from './workshop.ts';

export interface GatewayOptions {
  readonly sandbox: Pick<Sandbox, 'url'>;
  readonly dataFolder: string;
  /** Flags for Node itself, such as those of the profiler. */
  readonly nodeFlags?: readonly string[];
}

/**
 * Starts it on a data folder, new or used. The level of the log is the default, because that is what users get; its
 * lines go to a file, as with any service.
 */
export function startGateway(
  workshop: Workshop,
  { sandbox, dataFolder, nodeFlags = [] }: GatewayOptions,
): Promise<RunningProcess> {
  return workshop.start({
    name: 'gateway',
    // Port 0: should the inspector be asked for (`collect-garbage.ts`), it takes any free one.
    args: ['--inspect-port=127.0.0.1:0', ...nodeFlags, 'server/main.ts'],
    env: {
      PORT: '0',
      CODEX_POOLER_DATA_DIR: dataFolder,
      CODEX_POOLER_UPSTREAM_URL: sandbox.url,
      CODEX_POOLER_AUTH_URL: sandbox.url,
      LOG_FORMAT: 'json',
    },
    readiness: 'message',
    dataFolder,
  });
}

/** More than the benchmark ever opens: waiting in line is a feature, not a cost to measure. */
const seats = 1_000;

/**
 * Imports the account, raises the seats and makes a Pool key.
 *
 * @returns the key's secret.
 */
export async function prepareGateway(url: string, options: { dataFolder: string; authJson: string }): Promise<string> {
  const token = (await readFile(join(options.dataFolder, 'admin-token'), 'utf8')).trim();
  const call = (name: string, input: unknown) => callAdmin(`${url}/admin/api/${name}`, { token, input });
  await call('accounts.import', { authJson: options.authJson });
  for (const lane of ['proxy_stream', 'proxy_http', 'proxy_websocket', 'proxy_compact']) {
    await call('settings.change', { name: `admission.${lane}.seats`, value: seats });
  }
  const { secret } = (await call('api-keys.create', { name: 'bench' })) as { secret: string };
  return secret;
}

async function callAdmin(url: string, { token, input }: { token: string; input: unknown }): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${new URL(url).pathname} was answered ${response.status}`);
  return response.json();
}
