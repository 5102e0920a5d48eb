/** `key create`, `list`, `revoke`: the keys that clients use. */
import type { Command } from 'commander';
import { apiKeys, type ApiKey } from '../contract/api-keys.ts';
import { apiKeyStatuses } from '../contract/vocabulary.ts';
import type { Config } from '../environment.ts';
import type { OpenEndpoints } from './call-endpoint.ts';
import type { Cli } from './cli.ts';
import { codexConfig, exportLine, indented } from './codex-snippet.ts';
import { addCommandGroup } from './command-group.ts';
import { confirm } from './confirm.ts';
import { printable, renderMoment, renderTable } from './plain-text.ts';
import { readExpiry } from './read-expiry.ts';

interface CreateOptions {
  readonly name: string;
  readonly pool: string;
  readonly models?: string[];
  readonly expires?: Date;
  readonly quiet?: boolean;
}

export function addKeyCommands(program: Command, cli: Cli): void {
  const description = 'Keys for clients: create, list, revoke';
  const group = addCommandGroup(program, { name: 'key', description, heading: 'Keys and pools:' });

  group
    .command('create')
    .description('Make a key; it is shown once')
    .requiredOption('--name <text>', 'what it is for, e.g. "laptop"')
    .option('--pool <slug>', 'pool whose accounts answer it', 'default')
    .option('--models <list>', 'the only models it may use, separated by commas', readList)
    .option('--expires <when>', 'a date (2027-01-31) or a length of time (30d)', (text) =>
      readExpiry(text, cli.clock.now()),
    )
    .option('-q, --quiet', 'print nothing but the key')
    .action(async (options: CreateOptions) => {
      const { created, url } = await cli.withEndpoints(async ({ call, server }, config) => ({
        created: await call(apiKeys.create, {
          name: options.name,
          pool: options.pool,
          allowedModels: options.models ?? null,
          expiresAt: options.expires ?? null,
        }),
        url: clientUrl(server, config),
      }));
      if (options.quiet) cli.terminal.write(`${created.secret}\n`);
      else cli.show({ json: created, text: renderCreated(created, { url, platform: cli.platform }) });
    });

  group
    .command('list')
    .description('Show every key, without its secret')
    .action(async () => {
      const { keys } = await cli.withEndpoints(({ call }) => call(apiKeys.list, {}));
      const none = 'There is no key yet. Make one with: codex-pooler key create --name laptop\n';
      cli.show({ json: { keys }, text: keys.length === 0 ? none : renderKeyTable(keys, cli.clock.now()) });
    });

  group
    .command('revoke')
    .argument('<key>', 'its name, its start (sk-cxp-…) or its id')
    .description('End a key for good')
    .option('-y, --yes', 'do not ask')
    .action(async (key: string, { yes = false }: { yes?: boolean }) => {
      await confirm(cli.terminal, { yes, deed: `This ends the key ${startOf(key)} for every client that uses it.` });
      const revoked = await cli.withEndpoints(({ call }) => call(apiKeys.revoke, { key: startOf(key) }));
      cli.show({
        json: revoked,
        text: `Revoked ${printable(revoked.key.name)} (${revoked.key.prefix}).\n`,
      });
    });
}

/** People paste whole keys; only the start names one, and only the start may be repeated. */
function startOf(key: string): string {
  return printable(/^(sk-cxp-[0-9a-f]{12})-/.exec(key.trim())?.[1] ?? key);
}

function readList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Where clients of this machine reach the gateway, also while it does not run. */
function clientUrl(server: OpenEndpoints['server'], config: Config): string {
  return server?.url ?? `http://localhost:${config.port}`;
}

function renderCreated(
  { key, secret }: { key: ApiKey; secret: string },
  { url, platform }: { url: string; platform: NodeJS.Platform },
): string {
  return `The key "${printable(key.name)}" for the pool ${key.pool}. It is shown this once:

  ${secret}

For Codex, in ~/.codex/config.toml: the first line above every [section], the rest at the end of the file.

${indented(codexConfig(url))}
and give it the key in the shell that starts it:

  ${exportLine(secret, platform)}
`;
}

function renderKeyTable(keys: readonly ApiKey[], now: Date): string {
  return renderTable([
    ['NAME', 'KEY', 'POOL', 'STATE', 'MODELS', 'EXPIRES', 'LAST USED'],
    ...keys.map((key) => [
      key.name,
      `${key.prefix}-…`,
      key.pool,
      apiKeyStatuses[key.status],
      key.allowedModels === null ? 'all' : key.allowedModels.join(', ') || 'none',
      renderMoment(key.expiresAt, now),
      renderMoment(key.lastUsedAt, now),
    ]),
  ]);
}
