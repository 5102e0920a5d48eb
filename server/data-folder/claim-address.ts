/** Where the process that uses a data folder can be reached by others on this machine. */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the ending zero included. */
const longestSocketPath = 103;

/**
 * A Unix socket in the folder; in a folder of its own under the temporary one when the path would be too long
 * (`socket-folder.ts`); a named pipe on Windows. Two containers that share the folder as a volume meet at the same
 * socket.
 */
export function claimAddress(dataFolder: string, platform: NodeJS.Platform = process.platform): string {
  const name = `codex-pooler-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 24)}`;
  if (platform === 'win32') return `\\\\.\\pipe\\${name}`;
  const inside = join(dataFolder, 'instance.sock');
  return Buffer.byteLength(inside) <= longestSocketPath ? inside : join(tmpdir(), name, 'claim.sock');
}
