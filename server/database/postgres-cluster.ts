/** The folder Postgres keeps its files in: made on first start, checked on every start, handed to its user as root. */
import { chmod, chown, mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskFull, StartProblem, writeProblem } from '../data-folder/start-problem.ts';
import { syncFolder, writePrivateFile } from '../data-folder/write-private-file.ts';
import { embeddedRole } from './postgres-access.ts';
import { type PostgresBinaries, postgresMajor } from './postgres-binaries.ts';
import { type ProgramResult, type ProgramUser, runProgram } from './run-program.ts';

const draftPrefix = 'postgres.new-';

export interface ClusterPlace {
  readonly dataFolder: string;
  readonly binaries: PostgresBinaries;
  /** Who Postgres runs as, when that is not us. */
  readonly user: ProgramUser | undefined;
}

/** Where the cluster of a data folder lives. */
export function clusterFolderOf(dataFolder: string): string {
  return join(dataFolder, 'postgres');
}

/**
 * Whether the data folder holds a cluster our binaries can open.
 *
 * @throws StartProblem for a cluster of another major version, or a folder that is not a cluster.
 */
export async function hasCluster(dataFolder: string): Promise<boolean> {
  const folder = clusterFolderOf(dataFolder);
  let version: string;
  try {
    version = (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw writeProblem(dataFolder, error) ?? error;
    if ((await entriesOf(folder)).length === 0) return false;
    throw new StartProblem('postgres_failed', {
      sentence: `${folder} holds files but no database. Restore it from a backup, or move it away to start with an empty one.`,
    });
  }
  if (version === String(postgresMajor)) return true;
  throw new StartProblem('postgres_major', {
    sentence:
      `The database in ${folder} was made by Postgres ${version}; this version of Codex Pooler brings Postgres ${postgresMajor}. ` +
      'Start the version that made it, create a backup there, and restore the backup here into a new data folder.',
  });
}

/**
 * Makes the cluster in a draft folder and moves it into place when it is complete and on disk, so a start that is
 * killed halfway leaves nothing that looks like a database.
 */
export async function createCluster(
  place: ClusterPlace,
  options: { password: string; draftId: string },
): Promise<void> {
  const { dataFolder, user } = place;
  const target = clusterFolderOf(dataFolder);
  const draft = join(dataFolder, `${draftPrefix}${options.draftId}`);
  const passwordFile = join(draft, 'password');
  const cluster = join(draft, 'cluster');
  try {
    await mkdir(draft, { mode: 0o700 });
    await writePrivateFile(passwordFile, options.password);
    if (user) {
      await chown(passwordFile, user.uid, user.gid);
      await chown(draft, user.uid, user.gid);
    }
    refuseFailedProgram(
      await runProgram(place.binaries.initdb, { args: initArguments(cluster, passwordFile), user }),
      dataFolder,
    );
    // An empty folder in the way may be a mount point's or a person's; a full one was refused before.
    await rmdir(target).catch(() => undefined);
    await rename(cluster, target);
    await syncFolder(dataFolder);
  } catch (error) {
    throw writeProblem(dataFolder, error) ?? error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Removes what a killed first start left behind. */
export async function removeDrafts(dataFolder: string): Promise<void> {
  for (const name of await entriesOf(dataFolder)) {
    if (name.startsWith(draftPrefix)) await rm(join(dataFolder, name), { recursive: true, force: true });
  }
}

/**
 * Sets the role's password without knowing the old one, through Postgres' single-user mode: a data folder restored
 * without its `postgres.json` still opens. Postgres must not be running there.
 */
export async function resetPassword(place: ClusterPlace, password: string): Promise<void> {
  const args = ['--single', '-D', clusterFolderOf(place.dataFolder), 'postgres'];
  const input = `ALTER ROLE ${embeddedRole} PASSWORD '${password}'\n`;
  refuseFailedProgram(await runProgram(place.binaries.postgres, { args, user: place.user, input }), place.dataFolder);
}

/**
 * As root: lets Postgres' user pass through the data folder (not read it) and own the cluster. The user's number may
 * have changed when a container was rebuilt around an old volume.
 *
 * @throws StartProblem naming the closed folder when the user cannot get there.
 */
export async function handOver(place: ClusterPlace): Promise<void> {
  const { dataFolder, user } = place;
  if (!user) return;
  await chown(dataFolder, process.getuid?.() ?? 0, user.gid);
  await chmod(dataFolder, 0o710);
  const closed = await firstClosedFolder(dataFolder, user);
  if (closed !== undefined) {
    throw new StartProblem('folder_not_writable', {
      sentence:
        `Started as root, the database runs as its own user, and that user cannot reach the data folder ${dataFolder}: ` +
        `${closed} is closed. Allow passing through it (chmod o+x ${closed}), or name another folder in CODEX_POOLER_DATA_DIR.`,
    });
  }
  const cluster = clusterFolderOf(dataFolder);
  const owner = await stat(cluster).catch(() => undefined);
  if (owner && owner.uid !== user.uid) await runProgram('chown', { args: ['-R', `${user.uid}:${user.gid}`, cluster] });
}

async function firstClosedFolder(folder: string, user: ProgramUser): Promise<string | undefined> {
  if (await mayEnter(folder, user)) return undefined;
  const parent = dirname(folder);
  return parent === folder ? folder : ((await firstClosedFolder(parent, user)) ?? folder);
}

async function mayEnter(folder: string, user: ProgramUser): Promise<boolean> {
  const result = await runProgram('/bin/sh', { args: ['-c', 'cd -- "$1"', 'sh', folder], user });
  return result.exitCode === 0;
}

function initArguments(cluster: string, passwordFile: string): string[] {
  return [
    `--pgdata=${cluster}`,
    '--locale=C',
    '--encoding=UTF8',
    '--auth=scram-sha-256',
    `--username=${embeddedRole}`,
    `--pwfile=${passwordFile}`,
    '--no-instructions',
  ];
}

/** Turns a failed `initdb` or single-user run into a sentence; its own words stay in `cause`. */
function refuseFailedProgram(result: ProgramResult, dataFolder: string): void {
  if (result.exitCode === 0) return;
  if (isDiskFull(result.output)) throw diskFull(dataFolder);
  throw new StartProblem('postgres_failed', {
    sentence: `The built-in database could not be set up in ${dataFolder} (${result.systemCode ?? `exit code ${result.exitCode}`}). ${elevatedHint}Set DATABASE_URL to use a Postgres of your own.`,
    cause: result.output,
  });
}

const elevatedHint = process.platform === 'win32' ? 'Do not start Codex Pooler as Administrator. ' : '';

/** Whether Postgres' own words say that the disk is full. Its messages are in English: we set the language. */
export function isDiskFull(output: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(output);
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw writeProblem(folder, error) ?? error;
  }
}
