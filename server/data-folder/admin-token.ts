/** The token by which this machine's own tools prove that they may read the data folder. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../world/world.ts';
import { writeProblem } from './start-problem.ts';
import { writePrivateFile } from './write-private-file.ts';

const tokenBytes = 32;
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

/** The server's side: the token, made on first use (file mode 0600). Call it while holding the claim on the folder. */
export async function openAdminToken(dataFolder: string, options: { random: Random }): Promise<string> {
  const kept = await readAdminToken(dataFolder);
  if (kept !== null) return kept;
  const token = options.random.bytes(tokenBytes).toString('base64url');
  try {
    await writePrivateFile(tokenFile(dataFolder), `${token}\n`);
  } catch (error) {
    throw writeProblem(dataFolder, error) ?? error;
  }
  return token;
}

/** A tool's side: the token, or null when no server has run here yet. @throws when this user may not read it. */
export async function readAdminToken(dataFolder: string): Promise<string | null> {
  try {
    const token = (await readFile(tokenFile(dataFolder), 'utf8')).trim();
    return tokenPattern.test(token) ? token : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Compares in constant time, whatever length was offered. */
export function isAdminToken(offered: string, token: string): boolean {
  return timingSafeEqual(digest(offered), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function tokenFile(dataFolder: string): string {
  return join(dataFolder, 'admin-token');
}
