/** `env init`: a file of environment variables with fresh keys, for containers and services (product spec 10). */
import { open, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { systemCodeOf } from '../data-folder/start-problem.ts';
import { keyBytes, renderRootKey } from '../security/key-ring.ts';
import type { Random } from '../world/world.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem } from './command-problem.ts';

/** Lengths of product spec 10. */
const passwordBytes = 24;
const cookieSecretBytes = 64;

export function addEnvInitCommand(program: Command, cli: Cli): void {
  const description = 'Environment files: init';
  const group = addCommandGroup(program, { name: 'env', description, heading: 'Look after it:' });

  group
    .command('init')
    .argument('[path]', 'file to write', '.env')
    .description('Write a file of environment variables with new keys')
    .action(async (given: string) => {
      const path = cli.resolvePath(given);
      await writeNewFile(path, renderEnvironmentFile(cli.random));
      cli.show({
        json: { path },
        text:
          `${path} is written, with new keys in it, and only you can read it. Keep a copy somewhere safe: without these\n` +
          'keys, linked accounts cannot be read. Docker Compose reads the file by itself; otherwise start the server with\n' +
          `node --env-file=${given} server/main.ts\n`,
      });
    });
}

/** Names are the seed's (product spec 3.1). */
function renderEnvironmentFile(random: Pick<Random, 'bytes'>): string {
  const rootKey = () => renderRootKey(random.bytes(keyBytes));
  return `# Codex Pooler. Keep this file private: whoever has it can read the tokens of every linked account.

# Port on this machine under which Docker Compose publishes the server.
CODEX_POOLER_HTTP_PORT=4000

# Password of the Postgres that Docker Compose starts.
POSTGRES_PASSWORD=${random.bytes(passwordBytes).toString('hex')}

# A Postgres 15 or newer of your own. Without it the server brings its own.
# DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/DATABASE

# Signs browser cookies.
SECRET_KEY_BASE=${random.bytes(cookieSecretBytes).toString('base64')}

# Protects the tokens of linked accounts. To change it, give the new key a new version and list the former key in
# CODEX_POOLER_UPSTREAM_SECRET_PREVIOUS_KEYS as v1:KEY.
CODEX_POOLER_UPSTREAM_SECRET_KEY=${rootKey()}
CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION=v1

# Protects sign-in codes. Changed in the same way, with CODEX_POOLER_TOTP_PREVIOUS_KEYS.
CODEX_POOLER_TOTP_ENCRYPTION_KEY=${rootKey()}
CODEX_POOLER_TOTP_KEY_VERSION=v1

# What this process does: web, worker, scheduler, or all.
OBAN_MODE=all
`;
}

/** Never replaces a file: it may hold the only copy of older keys. */
async function writeNewFile(path: string, text: string): Promise<void> {
  let isOurs = false;
  try {
    const file = await open(path, 'wx', 0o600);
    isOurs = true;
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isOurs) await rm(path, { force: true });
    throw writeRefusal(path, error);
  }
}

function writeRefusal(path: string, error: unknown): CommandProblem {
  const code = systemCodeOf(error) ?? 'unknown';
  const sentence =
    code === 'EEXIST'
      ? `${path} exists already and was left as it is. Remove it, or name another path.`
      : code === 'ENOENT'
        ? `${path} cannot be written: its folder does not exist.`
        : `${path} cannot be written: the system says ${code}.`;
  return new CommandProblem(code === 'EEXIST' ? 'file_exists' : 'file_not_written', { sentence, cause: error });
}
