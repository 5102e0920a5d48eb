/**
 * One server per data folder. The claim is a listening socket: the system ends it with the process, however that dies,
 * and it can tell a second start who is there.
 */
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Clock } from '../world/world.ts';
import { askAt, type RunningInstance } from './ask-running-instance.ts';
import { claimAddress } from './claim-address.ts';
import { makeSocketFolder, removeSocketFolder } from './socket-folder.ts';
import { StartProblem, systemCodeOf, writeProblem } from './start-problem.ts';

/** Long enough for another process between its look at a dead socket and its removal, short for a person. */
const settleMs = 50;
const claimTries = 5;

export interface DataFolderClaim {
  /** Tells others where the HTTP server answers. */
  publish(facts: { url: string }): void;
  /** Lets the next server in. Idempotent. */
  release(): Promise<void>;
}

/**
 * Claims the folder for this process until `release` or its death.
 *
 * @throws StartProblem `other_instance`, naming the other's process and address, while one is alive;
 *   `socket_folder_untrusted`.
 */
export async function claimDataFolder(dataFolder: string, options: { clock: Clock }): Promise<DataFolderClaim> {
  const address = claimAddress(dataFolder);
  const published: Published = { url: null };
  let replaced = false;
  for (let attempt = 1; attempt <= claimTries; attempt += 1) {
    makeSocketFolder(address, dataFolder);
    const seen = fileMark(address);
    const server = await tryListen(address, { dataFolder, published });
    if (server === undefined) {
      const other = await askAt(address).catch(() => ({ pid: null, url: null }));
      if (other) throw otherInstance(dataFolder, other);
      replaced = removeDead(address, seen);
      continue;
    }
    const mine = fileMark(address);
    // Two starts may find the same dead socket. Whoever removed the other's fresh one by mistake took it too; the one
    // whose socket is gone after a moment steps back and finds the winner alive.
    if (replaced) await options.clock.sleep(settleMs);
    if (fileMark(address) === mine) return toClaim(server, { address, dataFolder, published });
    await close(server);
  }
  throw otherInstance(dataFolder, { pid: null, url: null });
}

interface Published {
  url: string | null;
}

/** The listening claim, or undefined when something stands at the address already. */
function tryListen(
  address: string,
  options: { dataFolder: string; published: Published },
): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${JSON.stringify({ pid: process.pid, url: options.published.url })}\n`);
    });
    server.once('error', (error) => {
      const code = systemCodeOf(error);
      // The folder of a socket elsewhere goes with the claim that is released meanwhile, and is made again.
      const isFolderGone = code === 'ENOENT' && existsSync(options.dataFolder);
      if (code === 'EADDRINUSE' || isFolderGone) resolve(undefined);
      else reject(writeProblem(options.dataFolder, error) ?? error);
    });
    server.listen(address, () => {
      if (process.platform !== 'win32') chmodSync(address, 0o600);
      // The claim alone must not keep a finished process alive.
      server.unref();
      resolve(server);
    });
  });
}

function toClaim(
  server: Server,
  { address, dataFolder, published }: { address: string; dataFolder: string; published: Published },
): DataFolderClaim {
  let releasing: Promise<void> | undefined;
  return {
    publish: ({ url }) => void (published.url = url),
    release: () => (releasing ??= close(server).then(() => removeSocketFolder(address, dataFolder))),
  };
}

/** Node removes the socket file as it closes. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Removes a dead socket unless it is no longer the one that was seen. */
function removeDead(address: string, seen: string | undefined): boolean {
  if (seen === undefined || fileMark(address) !== seen) return false;
  unlinkSync(address);
  return true;
}

/** Tells one file from its successor at the same path; systems reuse file numbers, so the time belongs to it. */
function fileMark(path: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino}:${found.birthtimeNs}`;
}

function otherInstance(dataFolder: string, other: RunningInstance): StartProblem {
  const who = other.pid === null ? '' : ` (process ${other.pid}${other.url === null ? '' : `, at ${other.url}`})`;
  return new StartProblem('other_instance', {
    sentence:
      `Codex Pooler already runs on the data folder ${dataFolder}${who}. ` +
      `Use that one, or stop it first; for a second one, name another folder in CODEX_POOLER_DATA_DIR and another PORT.`,
  });
}
