/** The folder everything of this installation lives in: database, keys, claim. Opened once at start. */
import { chmod, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../lib/json-values.ts';
import type { Random } from '../world/world.ts';
import { StartProblem, systemCodeOf, writeProblem } from './start-problem.ts';
import { writePrivateFile } from './write-private-file.ts';

/** Raised when the folder's layout changes so that an older program would misread it. */
export const folderFormat = 1;

/** A full disk often still takes an empty file; one block shows whether there is room. */
const probeBytes = 4096;

export interface DataFolder {
  readonly path: string;
  /** Stays the same for the life of the folder. */
  readonly instanceId: string;
}

const formatSchema = z.object({ format: z.int().min(1), instanceId: z.uuid() });

/**
 * Makes the folder (mode 0700) when it is missing, checks that it can be written and that its layout is ours.
 *
 * @throws StartProblem `folder_not_writable`, `disk_full`, `folder_newer` or `folder_unreadable`.
 */
export async function openDataFolder(path: string, options: { random: Random }): Promise<DataFolder> {
  try {
    await makeFolder(path);
    await closeToOthers(path);
    await probe(path, options.random);
    const instanceId = (await readFormat(path)) ?? (await writeFormat(path, options.random.id()));
    return { path, instanceId };
  } catch (error) {
    throw writeProblem(path, error) ?? error;
  }
}

/** Node's own recursive form never returns where the system says "not found" to making a folder (`/proc`). */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

/**
 * A folder made by somebody else (a container volume) may be open to all. The group may keep passing through: as root,
 * Postgres' own user does.
 */
async function closeToOthers(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { mode, uid } = await stat(path);
  const mine = uid === process.getuid?.();
  if (mine && (mode & 0o067) !== 0) await chmod(path, mode & 0o710);
}

async function probe(path: string, random: Random): Promise<void> {
  const file = join(path, `.write-test-${random.bytes(6).toString('hex')}`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.alloc(probeBytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(file, { force: true });
  }
}

async function readFormat(path: string): Promise<string | undefined> {
  const file = join(path, 'format.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = formatSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new StartProblem('folder_unreadable', {
      sentence:
        `The data folder ${path} cannot be used: its format.json is damaged or not ours. ` +
        'Put the folder back from a backup, or name another one in CODEX_POOLER_DATA_DIR.',
    });
  }
  if (parsed.data.format > folderFormat) {
    throw new StartProblem('folder_newer', {
      sentence:
        `The data folder ${path} was last used by a newer version of Codex Pooler (folder format ${parsed.data.format}, ` +
        `this version knows ${folderFormat}). Start the newer version again, or name another folder in CODEX_POOLER_DATA_DIR.`,
    });
  }
  return parsed.data.instanceId;
}

async function writeFormat(path: string, instanceId: string): Promise<string> {
  await writePrivateFile(join(path, 'format.json'), `${JSON.stringify({ format: folderFormat, instanceId })}\n`);
  return instanceId;
}
