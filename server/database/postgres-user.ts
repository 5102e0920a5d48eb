/**
 * Postgres refuses to run as root. Started as root (a container, a build machine), we run it as a user of its own:
 * `codex-pooler`, made when missing; where no user can be made, an existing `postgres`.
 */
import { readFile } from 'node:fs/promises';
import { StartProblem } from '../data-folder/start-problem.ts';
import { type ProgramUser, runProgram } from './run-program.ts';

const ownUser = 'codex-pooler';

/** Ways to make a system user without home and login, by distribution: shadow (Debian, Fedora), then busybox (Alpine). */
const waysToMakeUser: readonly (readonly [program: string, ...args: string[]])[] = [
  [
    'useradd',
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
    ownUser,
  ],
  ['adduser', '-S', '-D', '-H', '-h', '/nonexistent', '-s', '/sbin/nologin', ownUser],
];

/**
 * The user for Postgres, or undefined when we are not root and it simply runs as we do.
 *
 * @throws StartProblem `postgres_user` when we are root and no user can be found or made.
 */
export async function findPostgresUser(): Promise<ProgramUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await lookUpUser(ownUser);
  if (existing) return existing;
  for (const [program, ...args] of waysToMakeUser) {
    await runProgram(program, { args });
    // Looked up even after a failure: another process may have made the user at the same moment.
    const made = await lookUpUser(ownUser);
    if (made) return made;
  }
  const postgres = await lookUpUser('postgres');
  if (postgres) return postgres;
  throw new StartProblem('postgres_user', {
    sentence:
      `Postgres does not run as root, and the user ${ownUser} could not be made. ` +
      `Make it by hand (useradd --system ${ownUser}), start as an ordinary user, or set DATABASE_URL.`,
  });
}

/** Reads the user from the password file; macOS keeps users elsewhere, there root must name an existing one. */
async function lookUpUser(name: string): Promise<ProgramUser | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const line of lines) {
    const [user, , uid, gid] = line.split(':');
    if (user === name && uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
