/**
 * Libraries that speak to an OpenAI address, for tests: installed from npm into the same cache outside the repository as
 * the Codex CLI, and loaded from there, so that no client is a dependency of the product.
 */
import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { clientCacheFolder } from './codex-cli.ts';

/** The newest of each when the OpenAI surface was proved, and what they need beside them. */
const packages = [
  'openai@7.59.0',
  'ai@7.0.173',
  '@ai-sdk/openai@4.0.118',
  '@langchain/openai@1.6.0',
  '@langchain/core@1.4.0',
  'zod@4.6.7',
] as const;
const installLimitMs = 300_000;

/** Libraries by name, as an application that has them installed would `require` them. */
export async function installNodeClients(): Promise<(name: string) => unknown> {
  const folder = await installPackages({ folderName: 'node-clients-1', packages, marker: 'openai' });
  const load = createRequire(join(folder, 'package.json'));
  return (name) => load(name) as unknown;
}

/**
 * Installs packages on the first call and finds them on later ones.
 *
 * @param what.marker - A package whose presence shows that all are there.
 * @returns the folder they are in.
 * @throws Error that says in plain words why they cannot be had.
 */
export async function installPackages(what: {
  readonly folderName: string;
  readonly packages: readonly string[];
  readonly marker: string;
}): Promise<string> {
  const cache = clientCacheFolder();
  const folder = join(cache, what.folderName);
  const marker = join(folder, 'node_modules', what.marker, 'package.json');
  if (await exists(marker)) return folder;
  await mkdir(cache, { recursive: true });
  // Built beside its place and moved there whole, so that a broken install is never found by a later run.
  const building = await mkdtemp(join(cache, `${what.folderName}-building-`));
  try {
    await installInto(building, what.packages);
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await exists(marker))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}

async function installInto(folder: string, names: readonly string[]): Promise<void> {
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=1'];
  const npm = spawn('npm', ['install', '--prefix', folder, ...flags, ...names], {
    cwd: folder,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: installLimitMs,
  });
  const ended = new Promise<number | null>((resolve) => npm.once('close', resolve));
  const said = await text(npm.stderr);
  if ((await ended) === 0) return;
  throw new Error(
    `Clients (${names.join(', ')}) could not be installed into ${folder}, and without them these tests cannot run. ` +
      `Check that the npm registry can be reached. It said:\n${said.slice(0, 1_000)}`,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
