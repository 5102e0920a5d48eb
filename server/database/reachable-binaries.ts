/**
 * Makes sure the user Postgres runs as can read the binaries. A checkout below a closed home folder (`/root`) hides
 * them; then they are copied once to a folder of the system that everyone may read.
 */
import { access, chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StartProblem, writeProblem } from '../data-folder/start-problem.ts';
import { nativeFolderOf, type PostgresBinaries } from './postgres-binaries.ts';
import { type ProgramUser, runProgram } from './run-program.ts';

const defaultCacheFolder = '/var/cache/codex-pooler';
const markerName = 'complete';

/**
 * @returns the binaries as given when `user` can run them, otherwise those of the copy.
 * @throws StartProblem when neither can be run.
 */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  options: { user: ProgramUser; cacheFolder?: string },
): Promise<PostgresBinaries> {
  const { user } = options;
  if (await canRun(binaries.postgres, user)) return binaries;
  const cacheFolder = options.cacheFolder ?? defaultCacheFolder;
  const copy = join(cacheFolder, `postgres-${await packageVersion(binaries)}`);
  try {
    await copyOnce(nativeFolderOf(binaries.postgres), copy);
  } catch (error) {
    throw writeProblem(cacheFolder, error) ?? error;
  }
  const copied: PostgresBinaries = {
    postgres: join(copy, 'bin', basename(binaries.postgres)),
    initdb: join(copy, 'bin', basename(binaries.initdb)),
    pgCtl: join(copy, 'bin', basename(binaries.pgCtl)),
  };
  if (await canRun(copied.postgres, user)) return copied;
  throw new StartProblem('postgres_failed', {
    sentence:
      `The built-in Postgres cannot be started by its own user (neither from ${dirname(binaries.postgres)} nor from ` +
      `${copy}). Make the first folder readable for everyone, or set DATABASE_URL.`,
  });
}

async function canRun(postgres: string, user: ProgramUser): Promise<boolean> {
  const result = await runProgram(postgres, { args: ['--version'], user });
  return result.exitCode === 0;
}

/** Two processes may copy at once: each works in a folder of its own, the later rename finds the work done. */
async function copyOnce(source: string, target: string): Promise<void> {
  if (await isComplete(target)) return;
  const draft = `${target}.${process.pid}.new`;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  // A restrictive umask would close the folder again.
  await chmod(dirname(target), 0o755);
  await rm(draft, { recursive: true, force: true });
  try {
    await cp(source, draft, { recursive: true, verbatimSymlinks: true });
    await chmod(draft, 0o755);
    await writeFile(join(draft, markerName), '');
    if (await isComplete(target)) return;
    // What stands there without a marker is a copy somebody interrupted or trimmed.
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function isComplete(folder: string): Promise<boolean> {
  try {
    await access(join(folder, markerName));
    return true;
  } catch {
    return false;
  }
}

async function packageVersion(binaries: PostgresBinaries): Promise<string> {
  const packageFile = join(dirname(nativeFolderOf(binaries.postgres)), 'package.json');
  const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };
  return version;
}
