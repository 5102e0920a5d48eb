/**
 * The folder of a socket that does not fit into the data folder. It lies under the temporary folder, where every user of
 * the machine may write: whoever made it first could answer in our place and be handed the admin token. So it must be
 * a folder of somebody we trust, and closed to all others.
 */
import { lstatSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartProblem, systemCodeOf } from './start-problem.ts';

/** Makes the folder, unless the socket stands in the data folder itself. @throws StartProblem `socket_folder_untrusted`. */
export function makeSocketFolder(address: string, dataFolder: string): void {
  if (!isOutside(address, dataFolder)) return;
  try {
    mkdirSync(dirname(address), { mode: 0o700 });
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
  checkSocketFolder(address, dataFolder);
}

/** @throws StartProblem `socket_folder_untrusted` when somebody else may have made what stands at the address. */
export function checkSocketFolder(address: string, dataFolder: string): void {
  if (!isOutside(address, dataFolder)) return;
  const folder = dirname(address);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return;
  const owner = statSync(dataFolder, { throwIfNoEntry: false })?.uid;
  const trusted = [0, process.getuid?.(), owner];
  if (found.isDirectory() && (found.mode & 0o077) === 0 && trusted.includes(found.uid)) return;
  throw new StartProblem('socket_folder_untrusted', {
    sentence:
      `The path of the data folder ${dataFolder} is too long for a socket, and ${folder}, which would hold it instead, ` +
      'belongs to another user or is open to others. Remove it, or name a data folder with a shorter path in CODEX_POOLER_DATA_DIR.',
  });
}

/** Removes the folder once its socket is gone; the next claim makes a new one. */
export function removeSocketFolder(address: string, dataFolder: string): void {
  if (!isOutside(address, dataFolder)) return;
  try {
    rmdirSync(dirname(address));
  } catch {
    // A start that came in between has its socket there already.
  }
}

function isOutside(address: string, dataFolder: string): boolean {
  return process.platform !== 'win32' && dirname(address) !== dataFolder;
}
