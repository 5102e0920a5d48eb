/** `key create`, `list`, `show`, `update`: the keys that clients use, and what they may ask for. */
import type { Command } from 'commander';
import { apiKeys } from '../contract/api-keys.ts';
import type { Config } from '../environment.ts';
import type { OpenEndpoints } from './call-endpoint.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';
import { addKeyLifeCommands } from './key-life.ts';
import { keyText, startOf } from './key-name.ts';
import { addPolicyOptions, policyOf, readList, type PolicyOptions, type Said } from './key-policy-options.ts';
import { renderCreated, renderKey, renderKeyTable } from './key-text.ts';
import { readExpiry } from './read-expiry.ts';

interface KeyOptions extends PolicyOptions {
  readonly name?: string;
  readonly pool?: string;
  readonly expires?: Said<Date | null>;
  readonly labels?: string[];
  readonly notes?: string;
}

export function addKeyCommands(program: Command, cli: Cli): void {
  const description = 'Keys for clients: create, list, show, update, pause, resume, rotate, revoke, delete';
  const group = addCommandGroup(program, { name: 'key', description, heading: 'Keys and pools:' });
  addCreate(group, cli);
  addLooks(group, cli);
  addUpdate(group, cli);
  addKeyLifeCommands(group, cli);
}

function addCreate(group: Command, cli: Cli): void {
  const create = group
    .command('create')
    .description('Make a key; it is shown once')
    .requiredOption('--name <text>', 'what it is for, e.g. "laptop"')
    .option('--pool <slug>', 'pool whose accounts answer it', 'default')
    .option('-q, --quiet', 'print nothing but the key');
  addFactOptions(create, cli).action(
    async ({ quiet, ...options }: KeyOptions & { name: string; pool: string; quiet?: boolean }) => {
      const { created, url } = await cli.withEndpoints(async ({ call, server }, config) => ({
        created: await call(apiKeys.create, { ...factsOf(options), name: options.name, policy: policyOf(options) }),
        url: clientUrl(server, config),
      }));
      if (quiet) cli.terminal.write(`${created.secret}\n`);
      else cli.show({ json: created, text: renderCreated(created, { url, platform: cli.platform }) });
    },
  );
}

function addLooks(group: Command, cli: Cli): void {
  group
    .command('list')
    .description('Show every key, without its secret')
    .action(async () => {
      const { keys } = await cli.withEndpoints(({ call }) => call(apiKeys.list, {}));
      const none = 'There is no key yet. Make one with: codex-pooler key create --name laptop\n';
      cli.show({ json: { keys }, text: keys.length === 0 ? none : renderKeyTable(keys, cli.clock.now()) });
    });

  group
    .command('show')
    .argument('<key>', keyText)
    .description('Show one key and what it may ask for')
    .action(async (key: string) => {
      const shown = await cli.withEndpoints(({ call }) => call(apiKeys.show, { key: startOf(key) }));
      cli.show({ json: shown, text: renderKey(shown.key, cli.clock.now()) });
    });
}

function addUpdate(group: Command, cli: Cli): void {
  const update = group
    .command('update')
    .argument('<key>', keyText)
    .description('Change what a key may do; it holds for requests that come after')
    .option('--name <text>', 'what it is for')
    .option('--pool <slug>', 'pool whose accounts answer it');
  addFactOptions(update, cli).action(async (key: string, options: KeyOptions) => {
    const policy = policyOf(options);
    const changes = { ...factsOf(options), ...(Object.keys(policy).length > 0 && { policy }) };
    if (Object.keys(changes).length === 0) throw nothingToChange();
    const updated = await cli.withEndpoints(({ call }) => call(apiKeys.update, { key: startOf(key), ...changes }));
    cli.show({ json: updated, text: renderKey(updated.key, cli.clock.now()) });
  });
}

function addFactOptions(command: Command, cli: Cli): Command {
  addPolicyOptions(command)
    .option('--expires <when>', 'a date (2027-01-31), a length of time (30d), or never', (text): Said<Date | null> => ({
      value: text.trim() === 'never' ? null : readExpiry(text, cli.clock.now()),
    }))
    .option('--labels <list>', 'words to find it by, separated by commas', readList)
    .option('--notes <text>', 'what else to know of it');
  return command;
}

/** What was named on the command line beside the policy. */
function factsOf({ name, pool, expires, labels, notes }: KeyOptions) {
  return {
    ...(name !== undefined && { name }),
    ...(pool !== undefined && { pool }),
    ...(expires && { expiresAt: expires.value }),
    ...(labels !== undefined && { labels }),
    ...(notes !== undefined && { notes }),
  };
}

function nothingToChange(): CommandProblem {
  return new CommandProblem('nothing_to_change', {
    sentence: 'Say what to change, for example --models gpt-5.5. "codex-pooler key update --help" shows all.',
    exitCode: exitCodes.usage,
  });
}

/** Where clients of this machine reach the gateway, also while it does not run. */
function clientUrl(server: OpenEndpoints['server'], config: Config): string {
  return server?.url ?? `http://localhost:${config.port}`;
}
