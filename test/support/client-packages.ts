/**
 * The packages of clients that tests run, installed from npm into a cache outside the repository, so that no client is a
 * dependency of the product.
 */
import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Some clients are hundreds of MB; on a slow line that takes minutes, and a hanging registry must not take longer. */
const installLimitMs = 300_000;

interface ClientPackages {
  /** In the cache; other versions have another. */
  readonly folderName: string;
  /** With exact versions. The first shows by its presence that all are there. */
  readonly packages: readonly [string, ...string[]];
  /** Looks whether what was installed works. @returns what is wrong; null: nothing. */
  check?(folder: string): Promise<string | null>;
}

/**
 * Installs them on the first call and finds them on later ones.
 *
 * @returns the folder whose `node_modules` has them.
 * @throws Error that says in plain words why they cannot be had.
 */
export async function installPackages({ folderName, packages, check }: ClientPackages): Promise<string> {
  const cache = cacheFolder();
  const folder = join(cache, folderName);
  const [first] = packages;
  const marker = join(folder, 'node_modules', first.slice(0, first.lastIndexOf('@')), 'package.json');
  if (await exists(marker)) return folder;
  await mkdir(cache, { recursive: true });
  // Built beside its place and moved there whole, so that a broken install is never found by a later run.
  const building = await mkdtemp(join(cache, `${folderName}-building-`));
  try {
    const problem = (await installInto(building, packages)) ?? (await check?.(building)) ?? null;
    if (problem !== null) throw cannotInstall(packages, problem);
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await exists(marker))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}

/** `$CODEX_POOLER_CLIENT_CACHE`, else below the user's cache folder. */
function cacheFolder(): string {
  const { CODEX_POOLER_CLIENT_CACHE: own, XDG_CACHE_HOME: caches } = process.env;
  return own || join(caches || join(homedir(), '.cache'), 'codex-pooler', 'clients');
}

/** @returns what npm said when it failed; null: it did not. */
async function installInto(folder: string, packages: readonly string[]): Promise<string | null> {
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=1'];
  const npm = spawn('npm', ['install', '--prefix', folder, ...flags, ...packages], {
    cwd: folder,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: installLimitMs,
  });
  const ended = new Promise<number | null>((resolve) => npm.once('close', resolve));
  const said = await text(npm.stderr);
  return (await ended) === 0 ? null : firstWords(said) || 'nothing';
}

/** What went wrong stands in npm's first lines; then come traces. */
function firstWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => !/^npm warn|^npm error\s+at |^npm error$/.test(line));
  return lines.slice(0, 5).join('\n');
}

function cannotInstall(packages: readonly string[], reason: string): Error {
  return new Error(
    `${packages.join(', ')} could not be installed into ${cacheFolder()}, and without it these tests cannot run. ` +
      `Check that the npm registry can be reached, or set CODEX_POOLER_CLIENT_CACHE to a folder that holds it. It said:\n${reason.trim()}`,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
