/**
 * Clients of an OpenAI address, for tests: installed from npm into the same cache outside the repository as the Codex
 * CLI, and loaded or run from there, so that no client is a dependency of the product.
 */
import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { clients, type Client } from '../clients/client-matrix.ts';
import { clientCacheFolder } from './codex-cli.ts';

const installLimitMs = 300_000;

/**
 * Installs a library with what it needs beside it.
 *
 * @returns gives packages by name, as an application that has them installed would `require` them.
 */
export async function installNodeClient(client: Client): Promise<(name: string) => unknown> {
  const load = createRequire(join(await installPackages(client), 'package.json'));
  return (name) => load(name) as unknown;
}

/**
 * Installs the packages of a client on the first call and finds them on later ones.
 *
 * @returns the folder they are in.
 * @throws Error that says in plain words why they cannot be had.
 */
export async function installPackages(client: Client): Promise<string> {
  const { packages } = clients[client];
  const cache = clientCacheFolder();
  // Other versions are installed anew beside it.
  const folderName = packages.join('+').replaceAll(/[^\w.+-]/g, '-');
  const folder = join(cache, folderName);
  const [first] = packages;
  const marker = join(folder, 'node_modules', first.slice(0, first.lastIndexOf('@')), 'package.json');
  if (await exists(marker)) return folder;
  await mkdir(cache, { recursive: true });
  // Built beside its place and moved there whole, so that a broken install is never found by a later run.
  const building = await mkdtemp(join(cache, `${folderName}-building-`));
  try {
    await installInto(building, packages);
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
