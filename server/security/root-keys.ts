/**
 * The root keys of this installation: from the environment where it names them, otherwise made on first start and kept
 * in `keys.json` (0600) in the data folder. Losing that file means linking every account again.
 */
import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { StartProblem, writeProblem } from '../data-folder/start-problem.ts';
import { writePrivateFile } from '../data-folder/write-private-file.ts';
import type { Log, Random } from '../world/world.ts';
import { isKeyVersion, keyBytes, type KeyRing, parseRootKey, renderRootKey, type RootName } from './key-ring.ts';

/** 64 bytes, as the seed's environment script makes it (product spec 10). */
const cookieSecretBytes = 64;
const privateMode = 0o600;

export interface RootKeys {
  readonly upstream: KeyRing;
  readonly totp: KeyRing;
  /** Signs browser cookies; changing it signs everyone out and loses nothing else. */
  readonly cookieSecret: string;
}

/** What the environment already gives; the rest comes from the file. */
export interface GivenRootKeys {
  readonly upstream: KeyRing | null;
  readonly totp: KeyRing | null;
  readonly cookieSecret: string | null;
}

const ringSchema = z.object({
  /** The version that seals; the others only open. */
  active: z.string().refine(isKeyVersion),
  keys: z.record(
    z.string().refine(isKeyVersion),
    z.string().refine((text) => parseRootKey(text) !== undefined),
  ),
});

const fileSchema = z.object({
  format: z.literal(1),
  upstream: ringSchema.optional(),
  totp: ringSchema.optional(),
  cookieSecret: z.string().min(32).optional(),
});

type KeyFile = z.infer<typeof fileSchema>;

/** Path of the key file, for messages and the recovery kit. */
export function keyFileOf(dataFolder: string): string {
  return join(dataFolder, 'keys.json');
}

/**
 * The keys to work with. Makes and keeps what neither the environment nor the file has; an existing file is never
 * replaced by one that knows less.
 *
 * @throws StartProblem `keys_unreadable` when the file exists and cannot be read or understood; `disk_full` or
 * `folder_not_writable` when new keys cannot be kept.
 */
export async function openRootKeys(options: {
  dataFolder: string;
  given: GivenRootKeys;
  random: Random;
  log: Log;
}): Promise<RootKeys> {
  const { dataFolder, given, random, log } = options;
  if (given.upstream && given.totp && given.cookieSecret) {
    return { upstream: given.upstream, totp: given.totp, cookieSecret: given.cookieSecret };
  }
  const path = keyFileOf(dataFolder);
  const kept = await readKeyFile(path, log);
  const file: KeyFile = {
    ...(kept ?? { format: 1 }),
    ...(given.upstream || kept?.upstream ? {} : { upstream: newRing(random) }),
    ...(given.totp || kept?.totp ? {} : { totp: newRing(random) }),
    ...(given.cookieSecret || kept?.cookieSecret
      ? {}
      : { cookieSecret: random.bytes(cookieSecretBytes).toString('base64') }),
  };
  if (Object.keys(file).length > Object.keys(kept ?? {}).length) {
    await saveKeyFile(path, file, dataFolder);
    log.info('root_keys_made', { outcome: kept ? 'added' : 'first' });
  }
  return {
    upstream: given.upstream ?? toRing(file.upstream, { path, root: 'upstream' }),
    totp: given.totp ?? toRing(file.totp, { path, root: 'totp' }),
    cookieSecret: given.cookieSecret ?? file.cookieSecret ?? '',
  };
}

async function readKeyFile(path: string, log: Log): Promise<KeyFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      await chmod(path, privateMode);
      log.warn('key_file_closed_to_others');
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, { reason: 'it cannot be read by this user', cause: error });
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    // The cause is left out: a parser's message may quote the file.
    throw unreadable(path, { reason: 'its content is not a key file of this version' });
  }
}

async function saveKeyFile(path: string, file: KeyFile, dataFolder: string): Promise<void> {
  try {
    await writePrivateFile(path, `${JSON.stringify(file, null, 2)}\n`);
  } catch (error) {
    throw writeProblem(dataFolder, error) ?? error;
  }
}

function newRing(random: Random): { active: string; keys: Record<string, string> } {
  return { active: 'v1', keys: { v1: renderRootKey(random.bytes(keyBytes)) } };
}

function toRing(kept: KeyFile['upstream'], place: { path: string; root: RootName }): KeyRing {
  const all = Object.entries(kept?.keys ?? {}).map(([version, text]) => ({ version, key: parseRootKey(text) }));
  const keys = all.flatMap(({ version, key }) => (key ? [{ version, key }] : []));
  const active = keys.find((one) => one.version === kept?.active);
  if (!active) throw unreadable(place.path, { reason: `its active ${place.root} version has no key` });
  return { active, previous: keys.filter((one) => one !== active) };
}

function unreadable(path: string, options: { reason: string; cause?: unknown }): StartProblem {
  return new StartProblem('keys_unreadable', {
    sentence:
      `The key file ${path} exists, but ${options.reason}. It was left as it is: without the right keys no linked account ` +
      'can be read. Put back the file from your backup or recovery kit; move it away only to start with no accounts.',
    cause: options.cause,
  });
}
