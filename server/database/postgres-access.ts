/** What one needs to reach the embedded Postgres, kept beside it in `postgres.json` (0600). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writePrivateFile } from '../data-folder/write-private-file.ts';

/** Name of the database role and of the database itself. */
export const embeddedRole = 'codex_pooler';

const accessSchema = z.object({
  /** The port used last; it is kept while it is free, so tools that were given it go on working. */
  port: z.int().min(1).max(65_535),
  /** The role's password, letters of base64url. */
  password: z.string().regex(/^[A-Za-z0-9_-]{16,}$/),
});

export type PostgresAccess = z.infer<typeof accessSchema>;

/** Reads the kept access; undefined when there is none or it cannot be understood (a new password is then set). */
export async function readPostgresAccess(dataFolder: string): Promise<PostgresAccess | undefined> {
  let text: string;
  try {
    text = await readFile(accessFile(dataFolder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return accessSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Keeps the access; a reader sees the old file or the new one, never a half. */
export async function savePostgresAccess(dataFolder: string, access: PostgresAccess): Promise<void> {
  await writePrivateFile(accessFile(dataFolder), `${JSON.stringify(access)}\n`);
}

/** The address of one database in the embedded cluster. Contains the password. */
export function accessUrl(access: PostgresAccess, database: string): string {
  return `postgres://${embeddedRole}:${access.password}@127.0.0.1:${access.port}/${database}`;
}

function accessFile(dataFolder: string): string {
  return join(dataFolder, 'postgres.json');
}
